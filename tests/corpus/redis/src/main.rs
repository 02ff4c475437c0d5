//! Tells each visitor how many came, and keeps the count in Redis.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut redis = redis::Client::open(std::env::var("REDIS_URL")?)?.get_connection()?;
    let server = tiny_http::Server::http("0.0.0.0:8080")?;
    for request in server.incoming_requests() {
        let count: u64 = redis::cmd("INCR").arg("visitors").query(&mut redis)?;
        request.respond(tiny_http::Response::from_string(format!("visitor {count}\n")))?;
    }
    Ok(())
}
