//! The catalogue, and what an order costs.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The catalogue is part of every program, so that all of them agree on the prices.
const CATALOGUE: &str = include_str!("../../../data/catalogue.json");

/// Something that the shop sells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    pub sku: String,
    pub name: String,
    pub cents: u64,
}

/// A number of one item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    pub sku: String,
    pub quantity: u64,
}

/// An amount in cents of the shop's currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amount(pub u64);

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let symbol = currencies::symbol("EUR").unwrap_or("EUR ");
        write!(f, "{symbol}{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

/// What the shop sells.
pub fn catalogue() -> Vec<Item> {
    serde_json::from_str(CATALOGUE).expect("the catalogue is checked by a test")
}

/// The price of an order; none if the shop does not sell it.
pub fn price(order: &Order) -> Option<Amount> {
    let item = catalogue().into_iter().find(|item| item.sku == order.sku)?;
    item.cents.checked_mul(order.quantity).map(Amount)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(sku: &str, quantity: u64) -> Order {
        Order { sku: sku.to_owned(), quantity }
    }

    #[test]
    fn prices() {
        assert_eq!(price(&order("tea", 3)).map(|amount| amount.to_string()).as_deref(), Some("€26.97"));
        assert_eq!(price(&order("tea", u64::MAX)), None);
        assert_eq!(price(&order("rum", 1)), None);
    }
}
