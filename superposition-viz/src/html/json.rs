//! JSON that can stand inside a script element, with arrays of numbers as base64.

use super::encoding::base64;

/// Collects a document.
pub(super) struct Json {
    text: String,
}

impl Json {
    pub(super) fn new() -> Self {
        Self {
            text: String::new(),
        }
    }

    pub(super) fn finish(self) -> String {
        self.text
    }

    pub(super) fn object(&mut self, fields: impl FnOnce(&mut Self)) {
        self.text.push('{');
        fields(self);
        self.text.push('}');
    }

    /// The name of the next field of an object.
    pub(super) fn key(&mut self, name: &str) -> &mut Self {
        if !self.text.ends_with('{') {
            self.text.push(',');
        }
        self.text(name);
        self.text.push(':');
        self
    }

    pub(super) fn list<T>(&mut self, items: &[T], write: impl Fn(&mut Self, &T)) {
        self.text.push('[');
        for (k, item) in items.iter().enumerate() {
            if k > 0 {
                self.text.push(',');
            }
            write(self, item);
        }
        self.text.push(']');
    }

    pub(super) fn optional<T>(&mut self, value: &Option<T>, write: impl FnOnce(&mut Self, &T)) {
        match value {
            Some(value) => write(self, value),
            None => self.text.push_str("null"),
        }
    }

    pub(super) fn boolean(&mut self, value: bool) {
        self.text.push_str(if value { "true" } else { "false" });
    }

    /// A number; null where JSON has none.
    pub(super) fn number(&mut self, value: f64) {
        if value.is_finite() {
            self.text.push_str(&value.to_string());
        } else {
            self.text.push_str("null");
        }
    }

    /// Text, with nothing in it that HTML or a script could read as more.
    pub(super) fn text(&mut self, text: &str) {
        self.text.push('"');
        for c in text.chars() {
            match c {
                '"' => self.text.push_str("\\\""),
                '\\' => self.text.push_str("\\\\"),
                '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                    self.text.push_str(&format!("\\u{:04x}", u32::from(c)));
                }
                c => self.text.push(c),
            }
        }
        self.text.push('"');
    }

    /// Numbers as the base64 of their little-endian bytes.
    pub(super) fn f64s(&mut self, values: &[f64]) {
        let bytes: Vec<u8> = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        self.encoded(&bytes);
    }

    /// As [`Json::f64s`], in single precision.
    pub(super) fn f32s(&mut self, values: &[f32]) {
        let bytes: Vec<u8> = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        self.encoded(&bytes);
    }

    fn encoded(&mut self, bytes: &[u8]) {
        self.text.push('"');
        self.text.push_str(&base64(bytes));
        self.text.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document() {
        let mut json = Json::new();
        json.object(|json| {
            json.key("a").number(f64::NAN);
            json.key("b")
                .list(&[0.5, -2.0], |json, value| json.number(*value));
            json.key("c").text("\"</script>\n");
            json.key("d").f32s(&[1.0]);
            json.key("e").object(|json| json.key("f").boolean(true));
        });
        assert_eq!(
            json.finish(),
            "{\"a\":null,\"b\":[0.5,-2],\"c\":\"\\\"\\u003c/script\\u003e\\u000a\",\"d\":\"AACAPw==\",\"e\":{\"f\":true}}"
        );
    }
}
