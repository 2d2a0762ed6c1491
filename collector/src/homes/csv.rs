//! Comma-separated values as RFC 4180 has them, strictly: what a lenient reader
//! would mend in silence is refused, with its row.

/// Why a text is no table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("row {row}: {why}")]
pub struct CsvError {
    /// Which row, the heading being row 1.
    pub row: usize,
    /// Why.
    pub why: String,
}

/// The rows of a text, each with as many fields as the first. Lines end in CRLF or
/// LF; a byte order mark and empty lines at the end are passed over.
pub(crate) fn rows(text: &str) -> Result<Vec<Vec<String>>, CsvError> {
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    rest = rest.trim_end_matches(['\r', '\n']);
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut fields = Vec::new();
    while !(rest.is_empty() && fields.is_empty()) {
        let refuse = |why: &str| CsvError { row: rows.len() + 1, why: why.to_owned() };
        let (field, after) = field(rest).map_err(refuse)?;
        fields.push(field);
        if let Some(next) = after.strip_prefix(',') {
            rest = next;
            continue;
        }
        rest = after.strip_prefix("\r\n").or_else(|| after.strip_prefix('\n')).unwrap_or(after);
        let width = rows.first().map_or(fields.len(), Vec::len);
        if fields.len() != width {
            let why = format!(
                "{} fields are not accepted: as many as the heading, {width}",
                fields.len()
            );
            return Err(refuse(&why));
        }
        rows.push(std::mem::take(&mut fields));
    }
    Ok(rows)
}

/// The first field, and what comes after it.
fn field(text: &str) -> Result<(String, &str), &'static str> {
    let Some(mut quoted) = text.strip_prefix('"') else {
        let end = text.find([',', '\n']).unwrap_or(text.len());
        let (field, after) = text.split_at(end);
        // The CR of a CRLF is the line's.
        let cut = field.strip_suffix('\r').filter(|_| after.starts_with('\n'));
        let field = cut.unwrap_or(field);
        if field.contains(['"', '\r']) {
            return Err("a quote or a carriage return is accepted in quotes only");
        }
        return Ok((field.to_owned(), &text[field.len()..]));
    };
    let mut field = String::new();
    loop {
        let Some(end) = quoted.find('"') else {
            return Err("a quote that is opened must be closed");
        };
        field.push_str(&quoted[..end]);
        quoted = &quoted[end + 1..];
        if let Some(more) = quoted.strip_prefix('"') {
            field.push('"');
            quoted = more;
            continue;
        }
        let ends = ["", ",", "\n", "\r\n"];
        let after = ends.iter().any(|end| match *end {
            "" => quoted.is_empty(),
            end => quoted.starts_with(end),
        });
        return if after { Ok((field, quoted)) } else { Err("a closed quote must end its field") };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_table_is_refused_with_its_row() {
        let said = |text: &str| rows(text).unwrap_err().to_string();
        assert!(said("a,b\n1\n").contains("row 2: 1 fields are not accepted"));
        assert!(said("a\n\"x").contains("row 2: a quote that is opened"));
        assert!(said("a\nx\"y").contains("row 2: a quote or a carriage return"));
        assert!(said("a\n\"x\"y").contains("row 2: a closed quote"));
        assert!(said("a\nb\rc").contains("row 2: a quote or a carriage return"));
        assert_eq!(rows("").unwrap(), Vec::<Vec<String>>::new());
        assert_eq!(rows("\u{feff}a,\r\n,\"b\n\"\"\"\r\n\r\n").unwrap(), [["a", ""], ["", "b\n\""]]);
    }

    proptest! {
        #[test]
        fn whatever_is_quoted_comes_back(
            table in prop::collection::vec(prop::array::uniform3("[a-z,\"\r\n ]{0,6}"), 1..6),
            crlf in any::<bool>(),
        ) {
            let quoted = |s: &String| format!("\"{}\"", s.replace('"', "\"\""));
            let lines: Vec<String> = table
                .iter()
                .map(|row| row.iter().map(quoted).collect::<Vec<_>>().join(","))
                .collect();
            let end = if crlf { "\r\n" } else { "\n" };
            let read = rows(&(lines.join(end) + end)).unwrap();
            prop_assert_eq!(read, table.iter().map(|r| r.to_vec()).collect::<Vec<_>>());
        }
    }
}
