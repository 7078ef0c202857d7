//! The lists of the contract are one: in the code and in the database.

use std::collections::BTreeSet;

use calmony_pay::contract::RESOURCES;
use support::Database;

/// The prefixes that a domain of the database takes, out of its check constraint.
async fn prefixes_of(database: &Database, constraint: &str) -> BTreeSet<String> {
    let sql = "select pg_get_constraintdef(oid) from pg_constraint where conname = $1";
    let definition: String = database.admin().await.query_one(sql, &[&constraint]).await.unwrap().get(0);
    let pattern = definition.split("'^").nth(1).and_then(|rest| rest.split("_[0-7]").next()).unwrap();
    pattern.trim_matches(['(', ')']).split('|').map(ToOwned::to_owned).collect()
}

#[tokio::test]
async fn the_database_takes_exactly_the_prefixes_of_the_contract() {
    let database = Database::fresh().await;
    let mut known = prefixes_of(&database, "object_id_is_a_known_prefix_and_a_ulid").await;
    known.extend(prefixes_of(&database, "event_id_is_evt_and_a_ulid").await);
    let contract: BTreeSet<String> = RESOURCES.iter().map(|resource| resource.prefix.to_owned()).collect();
    assert_eq!(known, contract);
}

#[tokio::test]
async fn every_key_leads_with_the_account() {
    let database = Database::fresh().await;
    let sql = "select t.relname, conname from pg_constraint c join pg_namespace n on n.oid = c.connamespace \
                 join pg_class t on t.oid = conrelid \
               where n.nspname = 'calmony' and contype in ('p', 'u') \
                 and t.relname not in ('account', 'migration', 'adoption') \
                 and (select attname from pg_attribute where attrelid = conrelid and attnum = conkey[1]) \
                     <> 'account'";
    let rows = database.admin().await.query(sql, &[]).await.unwrap();
    let keys: Vec<String> = rows.iter().map(|row| row.get(1)).collect();
    assert_eq!(keys, ["api_key_hashes_are_unique"], "a key's account is what is looked up by its hash");
}
