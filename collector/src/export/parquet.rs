//! A table as Parquet: one row group, every column optional, snappy left out (a
//! table is small and dictionaries do the work), so that any reader opens it.
//! Text is UTF-8 (`String`), times are `Timestamp(ms, UTC)`.

use std::sync::Arc;

use ::parquet::basic::{LogicalType, Repetition, TimeUnit, Type as Physical};
use ::parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::KeyValue;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use ::parquet::schema::types::Type;

use super::table::{Column, Kind, Table, Value};

fn leaf(column: &Column) -> Result<Type, ParquetError> {
    let (physical, logical) = match column.kind {
        Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Kind::Int => (Physical::INT64, None),
        Kind::Float => (Physical::DOUBLE, None),
        Kind::Bool => (Physical::BOOLEAN, None),
        Kind::Time => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MILLIS))),
    };
    Type::primitive_type_builder(column.name, physical)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(logical)
        .build()
}

/// Values that are there, and for each row whether it is.
fn dense<T>(cells: &[&Value], of: impl Fn(&Value) -> Option<T>) -> (Vec<T>, Vec<i16>) {
    let found: Vec<Option<T>> = cells.iter().map(|v| of(v)).collect();
    let levels = found.iter().map(|v| i16::from(v.is_some())).collect();
    (found.into_iter().flatten().collect(), levels)
}

fn write(
    writer: &mut SerializedColumnWriter<'_>,
    kind: Kind,
    cells: &[&Value],
) -> Result<(), ParquetError> {
    match kind {
        Kind::Text => {
            let (values, levels) = dense(cells, |v| match v {
                Value::Text(text) => Some(ByteArray::from(text.as_str())),
                _ => None,
            });
            writer.typed::<ByteArrayType>().write_batch(&values, Some(&levels), None)?;
        }
        Kind::Int | Kind::Time => {
            let (values, levels) = dense(cells, |v| match v {
                Value::Int(n) => Some(*n),
                Value::Time(at) => Some(at.0),
                _ => None,
            });
            writer.typed::<Int64Type>().write_batch(&values, Some(&levels), None)?;
        }
        Kind::Float => {
            let (values, levels) = dense(cells, |v| match v {
                Value::Float(n) => Some(*n),
                _ => None,
            });
            writer.typed::<DoubleType>().write_batch(&values, Some(&levels), None)?;
        }
        Kind::Bool => {
            let (values, levels) = dense(cells, |v| match v {
                Value::Bool(b) => Some(*b),
                _ => None,
            });
            writer.typed::<BoolType>().write_batch(&values, Some(&levels), None)?;
        }
    }
    Ok(())
}

/// The whole table as a file's bytes. What each column says is in the file's
/// key-value metadata, as `about.COLUMN`.
///
/// # Errors
/// As the writer's; writing to memory leaves none that a caller could mend.
pub fn bytes(table: &Table) -> Result<Vec<u8>, ParquetError> {
    let fields = table.columns.iter().map(|c| leaf(c).map(Arc::new));
    let schema = Type::group_type_builder(table.name)
        .with_fields(fields.collect::<Result<_, _>>()?)
        .build()?;
    let about = table.columns.iter();
    let about = about.map(|c| KeyValue::new(format!("about.{}", c.name), c.about.to_owned()));
    let properties = WriterProperties::builder()
        .set_created_by(concat!("hearth-collector ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_key_value_metadata(Some(about.collect()))
        .build();
    let mut file = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties))?;
    let mut group = file.next_row_group()?;
    let mut number = 0;
    while let Some(mut column) = group.next_column()? {
        let cells: Vec<&Value> = table.rows().iter().map(|row| &row[number]).collect();
        write(&mut column, table.columns[number].kind, &cells)?;
        column.close()?;
        number += 1;
    }
    group.close()?;
    file.into_inner()
}

#[cfg(test)]
mod tests {
    use ::parquet::file::reader::{FileReader as _, SerializedFileReader};
    use ::parquet::record::Field;
    use hearth_proto::UnixMs;
    use proptest::prelude::*;

    use super::*;
    use crate::export::table::column;

    const COLUMNS: &[Column] = &[
        column("name", Kind::Text, "a name"),
        column("length_ms", Kind::Int, "a length in milliseconds"),
        column("ok_ratio", Kind::Float, "a share"),
        column("over", Kind::Bool, "whether it is over"),
        column("start", Kind::Time, "a time"),
    ];

    fn back(field: &Field) -> Value {
        match field {
            Field::Null => Value::Missing,
            Field::Str(text) => Value::text(text),
            Field::Long(n) => Value::Int(*n),
            Field::Double(n) => Value::Float(*n),
            Field::Bool(b) => Value::Bool(*b),
            Field::TimestampMillis(at) => Value::Time(UnixMs(*at)),
            other => panic!("{other:?} is of no kind"),
        }
    }

    fn maybe<T: std::fmt::Debug + Clone + 'static>(
        of: impl Strategy<Value = T> + 'static,
        make: fn(T) -> Value,
    ) -> BoxedStrategy<Value> {
        prop_oneof![Just(Value::Missing), of.prop_map(make)].boxed()
    }

    fn row() -> impl Strategy<Value = [Value; 5]> {
        (
            maybe(".{0,12}", |t: String| Value::Text(t)),
            maybe(any::<i64>(), Value::Int),
            maybe(-1e9..1e9_f64, Value::Float),
            maybe(any::<bool>(), Value::Bool),
            maybe(0..4_000_000_000_000_i64, |at| Value::Time(UnixMs(at))),
        )
            .prop_map(|(a, b, c, d, e)| [a, b, c, d, e])
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn any_table_reads_back_as_it_was_written(rows in prop::collection::vec(row(), 0..20)) {
            let mut table = Table::new("t", COLUMNS);
            for row in rows {
                table.row(row);
            }
            let file = bytes::Bytes::from(super::bytes(&table).unwrap());
            let reader = SerializedFileReader::new(file).unwrap();
            let rows: Vec<Vec<Value>> = reader
                .get_row_iter(None)
                .unwrap()
                .map(|r| r.unwrap().get_column_iter().map(|(_, f)| back(f)).collect())
                .collect();
            prop_assert_eq!(rows, table.rows());
        }
    }
}
