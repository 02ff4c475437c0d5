//! Prices orders and keeps them: once with `--once`, else every ten seconds until it is told to stop.

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

use orders_shared::{Amount, Order, catalogue, price};
use rusqlite::Connection;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = env::var_os("DATA_DIR").map_or_else(|| PathBuf::from("/data"), PathBuf::from);
    let database = open(&folder)?;
    let mut terminate = signal(SignalKind::terminate())?;
    loop {
        let (count, total) = process(&database)?;
        println!("processed {count} orders, total {total}");
        if env::args().any(|arg| arg == "--once") {
            return Ok(());
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(10)) => {}
            _ = terminate.recv() => return Ok(()),
            _ = tokio::signal::ctrl_c() => return Ok(()),
        }
    }
}

fn open(folder: &Path) -> rusqlite::Result<Connection> {
    let database = Connection::open(folder.join("orders.db"))?;
    database.execute_batch(
        "CREATE TABLE IF NOT EXISTS orders (sku TEXT NOT NULL, quantity INTEGER NOT NULL, cents INTEGER NOT NULL)",
    )?;
    Ok(database)
}

/// One order of everything that the shop sells; what has been kept so far, and its sum.
fn process(database: &Connection) -> rusqlite::Result<(u64, Amount)> {
    for item in catalogue() {
        let order = Order { sku: item.sku, quantity: 1 };
        if let Some(amount) = price(&order) {
            database.execute("INSERT INTO orders VALUES (?1, ?2, ?3)", (&order.sku, order.quantity, amount.0))?;
        }
    }
    database.query_row("SELECT count(*), sum(cents) FROM orders", [], |row| Ok((row.get(0)?, Amount(row.get(1)?))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(process(&open(folder.path()).unwrap()).unwrap(), (3, Amount(6349)));
        assert_eq!(process(&open(folder.path()).unwrap()).unwrap().0, 6);
    }
}
