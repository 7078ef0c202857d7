//! Everything that was written: tables, files of PostgreSQL, logs, answers. It is searched for texts
//! that must not be in it.

use std::path::Path;
use std::process::Command;

use support::Database;

/// All rows of all tables of all schemas, as text.
pub(crate) async fn tables(database: &Database) -> String {
    let admin = database.admin().await;
    let tables = "select oid::regclass::text from pg_class where relkind in ('r', 'm') order by 1";
    let mut all = String::new();
    for table in admin.query(tables, &[]).await.unwrap() {
        let table: &str = table.get(0);
        for row in admin.query(&format!("select t::text from {table} t"), &[]).await.unwrap() {
            all.push_str(row.get(0));
            all.push('\n');
        }
        all.push_str(table);
        all.push('\n');
    }
    all
}

/// The files in these folders that have one of these texts in them, byte for byte.
pub(crate) fn files_with(texts: &[String], folders: &[&Path]) -> Vec<String> {
    let list = std::env::temp_dir().join(format!("calmony-needles-{}", std::process::id()));
    std::fs::write(&list, texts.join("\n")).unwrap();
    let found = Command::new("grep")
        .env("LC_ALL", "C")
        .args(["--recursive", "--text", "--fixed-strings", "--files-with-matches", "--file"])
        .arg(&list)
        .args(folders)
        .output()
        .unwrap();
    std::fs::remove_file(&list).unwrap();
    // 2 is an error: a file that can't be read proves nothing.
    assert!(matches!(found.status.code(), Some(0 | 1)), "{found:?}");
    String::from_utf8(found.stdout).unwrap().lines().map(str::to_owned).collect()
}
