//! JSON for people: indented, with a list of plain values on one line. A list of an
//! hour's figures each on its own line is mostly spaces. For programs: compact.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, Serializer};

/// Any report as JSON, indented, with a newline at the end.
pub fn json(report: &(impl Serialize + ?Sized)) -> String {
    let mut out = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut out, Indented::default());
    // The reports have string keys only and no fallible Serialize of their own.
    report.serialize(&mut serializer).expect("reports serialise");
    out.push(b'\n');
    String::from_utf8(out).expect("JSON is UTF-8")
}

/// Any report as JSON on one line, with a newline at the end.
pub fn compact_json(report: &(impl Serialize + ?Sized)) -> String {
    // As above.
    serde_json::to_string(report).expect("reports serialise") + "\n"
}

/// What is open around what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    /// An object, and whether it has a key yet.
    Object(bool),
    /// A list whose values so far are plain.
    Plain,
    /// A list of lists or objects.
    Nested,
}

/// Two spaces a level; a list breaks its line only before an object or a list in it.
#[derive(Debug, Default)]
struct Indented {
    open: Vec<Open>,
    /// The first value of a list, or a later one, waits to know what it is.
    first: Option<bool>,
}

impl Indented {
    fn line<W: ?Sized + Write>(&self, out: &mut W) -> io::Result<()> {
        out.write_all(b"\n")?;
        self.open.iter().try_for_each(|_| out.write_all(b"  "))
    }

    /// Before a value that is no list or object.
    fn plain<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        match (self.first.take(), self.open.last()) {
            (Some(_), Some(Open::Nested)) => self.line(out),
            (Some(false), _) => out.write_all(b" "),
            _ => Ok(()),
        }
    }

    /// Before a list or an object.
    fn nest<W: ?Sized + Write>(&mut self, out: &mut W, as_what: Open) -> io::Result<()> {
        if self.first.take().is_some() {
            if let Some(of) = self.open.last_mut() {
                *of = Open::Nested;
            }
            self.line(out)?;
        }
        self.open.push(as_what);
        Ok(())
    }
}

/// Values that are neither lists nor objects: written as they are, in their place.
macro_rules! plain {
    ($($name:ident($kind:ty))*) => {
        $(fn $name<W: ?Sized + Write>(&mut self, out: &mut W, value: $kind) -> io::Result<()> {
            self.plain(out)?;
            CompactFormatter.$name(out, value)
        })*
    };
}

impl Formatter for Indented {
    plain! {
        write_bool(bool) write_i8(i8) write_i16(i16) write_i32(i32) write_i64(i64)
        write_i128(i128) write_u8(u8) write_u16(u16) write_u32(u32) write_u64(u64)
        write_u128(u128) write_f32(f32) write_f64(f64) write_number_str(&str)
    }

    fn write_null<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.plain(out)?;
        CompactFormatter.write_null(out)
    }

    fn begin_string<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.plain(out)?;
        CompactFormatter.begin_string(out)
    }

    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.nest(out, Open::Plain)?;
        out.write_all(b"[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        if self.open.pop() == Some(Open::Nested) {
            self.line(out)?;
        }
        out.write_all(b"]")
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.first = Some(first);
        if first { Ok(()) } else { out.write_all(b",") }
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.nest(out, Open::Object(false))?;
        out.write_all(b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        if self.open.pop() == Some(Open::Object(true)) {
            self.line(out)?;
        }
        out.write_all(b"}")
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if let Some(of) = self.open.last_mut() {
            *of = Open::Object(true);
        }
        if !first {
            out.write_all(b",")?;
        }
        self.line(out)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b": ")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::{compact_json, json as text};

    #[test]
    fn plain_lists_take_one_line_and_others_one_a_value() {
        let given = json!({
            "a": [1, 2.5, null, "x, [y]", true],
            "b": [[1], [], {}, { "c": -1 }],
            "d": [],
            "e": {},
            "f": [{ "g": [[0, 1], [2]] }],
            "h": [1, [2], 3],
        });
        let expected = r#"{
  "a": [1, 2.5, null, "x, [y]", true],
  "b": [
    [1],
    [],
    {},
    {
      "c": -1
    }
  ],
  "d": [],
  "e": {},
  "f": [
    {
      "g": [
        [0, 1],
        [2]
      ]
    }
  ],
  "h": [1,
    [2],
    3
  ]
}
"#;
        assert_eq!(text(&given), expected);
    }

    fn value() -> impl Strategy<Value = Value> {
        let plain = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<i32>().prop_map(|v| json!(f64::from(v) / 4.0)),
            ".{0,8}".prop_map(Value::from),
        ];
        plain.prop_recursive(4, 40, 6, |of| {
            prop_oneof![
                prop::collection::vec(of.clone(), 0..6).prop_map(Value::from),
                prop::collection::hash_map(".{0,4}", of, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(value in value()) {
            let read: Value = serde_json::from_str(&text(&value)).unwrap();
            prop_assert_eq!(&read, &value);
            let compact = compact_json(&value);
            let read: Value = serde_json::from_str(&compact).unwrap();
            prop_assert_eq!(read, value);
            prop_assert_eq!(compact.lines().count(), 1);
        }
    }
}
