//! The ledger: the amounts that an event moves between accounts. A currency's postings sum to zero.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::types::money::Currency;

/// An account of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Account {
    /// Money that the processor holds for us or owes us.
    Processor,
    /// Credit of customers.
    CustomerCredit,
    /// Money that customers owe on invoices.
    InvoiceReceivable,
    /// Earnings.
    Revenue,
    /// Money that is held on cards and isn't taken yet.
    Holds,
    /// Money that moved for an attempt that was closed as failed, and is given back.
    Suspense,
}

impl Account {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Processor,
        Self::CustomerCredit,
        Self::InvoiceReceivable,
        Self::Revenue,
        Self::Holds,
        Self::Suspense,
    ];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Processor => "processor",
            Self::CustomerCredit => "customer_credit",
            Self::InvoiceReceivable => "invoice_receivable",
            Self::Revenue => "revenue",
            Self::Holds => "holds",
            Self::Suspense => "suspense",
        }
    }
}

/// The postings of one event: the gain of each account, or its loss where it is negative.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Postings {
    /// Their currency.
    pub currency: Currency,
    /// The amounts.
    pub amounts: BTreeMap<Account, i64>,
}

impl Postings {
    /// That amount moves from one account to another.
    #[must_use]
    pub fn moved(currency: Currency, amount: i64, from: Account, to: Account) -> Self {
        Self { currency, amounts: BTreeMap::new() }.and(amount, from, to)
    }

    /// The same, and another amount moves besides.
    #[must_use]
    pub fn and(mut self, amount: i64, from: Account, to: Account) -> Self {
        // An amount that doesn't fit can't be charged, so that nothing saturates.
        for (account, change) in [(from, amount.saturating_neg()), (to, amount)] {
            let balance = self.amounts.entry(account).or_default();
            *balance = balance.saturating_add(change);
        }
        self.amounts.retain(|_, balance| *balance != 0);
        self
    }

    /// An amount is held on a card.
    #[must_use]
    pub fn held(currency: Currency, amount: i64) -> Self {
        Self::moved(currency, amount, Account::Holds, Account::Processor)
    }

    /// A part of the hold is taken, and the rest is released.
    #[must_use]
    pub fn captured(currency: Currency, held: i64, taken: i64) -> Self {
        let rest = held.saturating_sub(taken);
        Self::released(currency, rest).and(taken, Account::Revenue, Account::Holds)
    }

    /// The held amount is released.
    #[must_use]
    pub fn released(currency: Currency, held: i64) -> Self {
        Self::moved(currency, held, Account::Processor, Account::Holds)
    }

    /// An amount is taken at once.
    #[must_use]
    pub fn taken(currency: Currency, amount: i64) -> Self {
        Self::moved(currency, amount, Account::Revenue, Account::Processor)
    }

    /// An amount moved for an attempt that was closed as failed.
    #[must_use]
    pub fn suspended(currency: Currency, amount: i64) -> Self {
        Self::moved(currency, amount, Account::Suspense, Account::Processor)
    }

    /// Such an amount is given back.
    #[must_use]
    pub fn returned(currency: Currency, amount: i64) -> Self {
        Self::moved(currency, amount, Account::Processor, Account::Suspense)
    }

    /// An amount is given back.
    #[must_use]
    pub fn refunded(currency: Currency, amount: i64) -> Self {
        Self::moved(currency, amount, Account::Processor, Account::Revenue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd() -> Currency {
        "usd".parse().expect("a currency")
    }

    fn amounts(postings: &Postings) -> Vec<(Account, i64)> {
        postings.amounts.iter().map(|(account, amount)| (*account, *amount)).collect()
    }

    #[test]
    fn an_account_has_the_name_that_postings_have() {
        for account in Account::ALL {
            assert_eq!(serde_json::to_value(account).expect("a name"), account.as_str());
        }
    }

    #[test]
    fn postings_sum_to_zero() {
        for postings in [
            Postings::held(usd(), 900),
            Postings::captured(usd(), 900, 400),
            Postings::captured(usd(), 900, 900),
            Postings::released(usd(), 900),
            Postings::taken(usd(), 900),
            Postings::refunded(usd(), 900),
        ] {
            assert_eq!(postings.amounts.values().sum::<i64>(), 0, "{postings:?}");
        }
    }

    #[test]
    fn a_capture_takes_a_part_and_releases_the_rest() {
        let captured = Postings::captured(usd(), 900, 400);
        let expected = [(Account::Processor, -500), (Account::Revenue, -400), (Account::Holds, 900)];
        assert_eq!(amounts(&captured), expected);
        assert_eq!(amounts(&Postings::held(usd(), 900)), [(Account::Processor, 900), (Account::Holds, -900)]);
    }
}
