//! Tables as one JSON document: for each its columns with what they say, and a
//! record a row. A value that is missing is `null`.

use serde_json::{Map, Value as Json, json};

use super::csv::time;
use super::table::{Table, Value};

fn value(value: &Value) -> Json {
    match value {
        Value::Missing => Json::Null,
        Value::Text(text) => json!(text),
        Value::Int(n) => json!(n),
        Value::Float(n) => json!(n),
        Value::Bool(b) => json!(b),
        Value::Time(at) => json!(time(*at)),
    }
}

fn table(table: &Table) -> Json {
    let columns: Vec<Json> = table
        .columns
        .iter()
        .map(|c| json!({ "name": c.name, "type": c.kind.name(), "about": c.about }))
        .collect();
    let record = |row: &Vec<Value>| -> Map<String, Json> {
        let cells = table.columns.iter().zip(row);
        cells.map(|(c, v)| (c.name.to_owned(), value(v))).collect()
    };
    let rows: Vec<_> = table.rows().iter().map(record).collect();
    json!({ "columns": columns, "rows": rows })
}

/// All of `tables`, by name.
pub fn document(tables: &[Table]) -> String {
    let all: Map<String, Json> = tables.iter().map(|t| (t.name.to_owned(), table(t))).collect();
    crate::report::compact_json(&all)
}
