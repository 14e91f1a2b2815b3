// SPDX-License-Identifier: MIT
//! As much JSON as a small tool needs: reading an object whose members are strings and integers, and
//! writing a string.  What is not JSON is refused, as is what this does not read.

#[derive(Debug, PartialEq, Clone)]
pub enum Value {
    Text(String),
    Integer(i64),
}

/// More than any small tool has; each is compared with all before it.
const MEMBERS_MAX: usize = 32;

/// The members in their order.
pub type Object = Vec<(String, Value)>;

/// Read an object.  The error is a sentence for its author.
pub fn parse(text: &[u8]) -> Result<Object, String> {
    let text = std::str::from_utf8(text).map_err(|_| "not UTF-8".to_string())?;
    let mut reader = Reader { text, at: 0 };
    let object = reader.object()?;
    reader.space();
    if reader.at < text.len() {
        return Err(reader.wrong("the end"));
    }
    Ok(object)
}

struct Reader<'a> {
    text: &'a str,
    at: usize, // always at the start of a character
}

impl<'a> Reader<'a> {
    fn wrong(&self, wanted: &str) -> String {
        format!("not JSON: {} was expected at byte {}", wanted, self.at)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Skip space and the byte if it comes next.
    fn takes(&mut self, byte: u8) -> bool {
        self.space();
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn object(&mut self) -> Result<Object, String> {
        let mut object = Object::new();
        if !self.takes(b'{') {
            return Err(self.wrong("an object"));
        }
        if self.takes(b'}') {
            return Ok(object);
        }
        loop {
            if !self.takes(b'"') {
                return Err(self.wrong("a name"));
            }
            let name = self.string()?;
            if object.iter().any(|(known, _)| *known == name) {
                return Err(format!("{} is given twice", name));
            }
            if !self.takes(b':') {
                return Err(self.wrong("a colon"));
            }
            let value = self.value(&name)?;
            object.push((name, value));
            if object.len() > MEMBERS_MAX {
                return Err("too many members".to_string());
            }
            if self.takes(b'}') {
                return Ok(object);
            }
            if !self.takes(b',') {
                return Err(self.wrong("a comma"));
            }
        }
    }

    fn value(&mut self, name: &str) -> Result<Value, String> {
        if self.takes(b'"') {
            return Ok(Value::Text(self.string()?));
        }
        match self.peek() {
            Some(b'-' | b'0'..=b'9') => Ok(Value::Integer(self.integer(name)?)),
            _ => Err(format!("{} must be a string or an integer", name)),
        }
    }

    /// The rest of a string whose quote is behind us.
    fn string(&mut self) -> Result<String, String> {
        let mut out = String::new();
        loop {
            let rest = &self.text[self.at..];
            match rest.chars().next() {
                None | Some('\0'..='\x1f') => return Err(self.wrong("the rest of a string")),
                Some('"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some('\\') => {
                    self.at += 1;
                    out.push(self.escaped()?);
                }
                Some(c) => {
                    self.at += c.len_utf8();
                    out.push(c);
                }
            }
        }
    }

    fn escaped(&mut self) -> Result<char, String> {
        let c = match self.peek() {
            Some(c @ (b'"' | b'\\' | b'/')) => c as char,
            Some(b'b') => '\x08',
            Some(b'f') => '\x0c',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.unicode();
            }
            _ => return Err(self.wrong("an escape")),
        };
        self.at += 1;
        Ok(c)
    }

    /// What follows \u, two of which may make one character.
    fn unicode(&mut self) -> Result<char, String> {
        let mut code = self.hex4()?;
        if (0xd800..0xdc00).contains(&code) && self.text[self.at..].starts_with("\\u") {
            self.at += 2;
            let low = self.hex4()?;
            if !(0xdc00..0xe000).contains(&low) {
                return Err(self.wrong("half of a surrogate pair"));
            }
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        }
        char::from_u32(code).ok_or_else(|| self.wrong("half of a surrogate pair"))
    }

    fn hex4(&mut self) -> Result<u32, String> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4).unwrap_or(b"?");
        let mut code = 0;
        for digit in digits {
            let value = (*digit as char).to_digit(16).ok_or_else(|| self.wrong("4 digits"))?;
            code = code << 4 | value;
        }
        self.at += 4;
        Ok(code)
    }

    /// JSON Schema calls 1e2 and 100.0 integers, so they are read as such.
    fn integer(&mut self, name: &str) -> Result<i64, String> {
        let start = self.at;
        self.at += usize::from(self.peek() == Some(b'-'));
        let leading_zero = self.peek() == Some(b'0');
        if (self.digits() > 1 && leading_zero) || self.at == start {
            return Err(self.wrong("a number"));
        }
        let mut plain = true;
        let mut sound = self.text.as_bytes()[self.at - 1].is_ascii_digit();
        if self.peek() == Some(b'.') {
            self.at += 1;
            plain = false;
            sound = self.digits() > 0 && sound;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            plain = false;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            sound = self.digits() > 0 && sound;
        }
        if !sound {
            return Err(self.wrong("a digit"));
        }
        let number = &self.text[start..self.at];
        let exact = if plain { number.parse().ok() } else { whole(number) };
        exact.ok_or_else(|| format!("{} must be an integer of moderate size", name))
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at - start
    }
}

/// The integer that a floating-point number is, if it can be told from its neighbours.
fn whole(number: &str) -> Option<i64> {
    let value: f64 = number.parse().ok()?;
    (value.fract() == 0.0 && value.abs() < 9e15).then(|| value as i64)
}

/// The text as a JSON string, with its quotes.
pub fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\0'..='\x1f' => out += &format!("\\u{:04x}", c as u32),
            _ => out.push(c),
        }
    }
    out + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(json: &str) -> String {
        match parse(format!("{{\"a\":{}}}", json).as_bytes()).unwrap().pop() {
            Some((_, Value::Text(text))) => text,
            other => panic!("{:?}", other),
        }
    }

    fn integer(json: &str) -> Option<i64> {
        match parse(format!("{{\"a\":{}}}", json).as_bytes()).ok()?.pop() {
            Some((_, Value::Integer(n))) => Some(n),
            other => panic!("{:?}", other),
        }
    }

    #[test]
    fn objects() {
        assert_eq!(parse(b" { } ").unwrap(), vec![]);
        let two = parse(b"{\"a\" : \"x\" ,\n\"b\":-12}").unwrap();
        assert_eq!(two[0], ("a".to_string(), Value::Text("x".to_string())));
        assert_eq!(two[1], ("b".to_string(), Value::Integer(-12)));
    }

    #[test]
    fn strings() {
        assert_eq!(text(r#""""#), "");
        assert_eq!(text(r#""\"\\\/\b\f\n\r\t""#), "\"\\/\x08\x0c\n\r\t");
        assert_eq!(text(r#""\u0041\u00e9\u20ac\ud83d\ude00\u0000""#), "Aé€😀\0");
        assert_eq!(text("\"é€😀\x7f\""), "é€😀\x7f");
    }

    #[test]
    fn integers() {
        for (json, n) in
            [("0", 0), ("-0", 0), ("10", 10), ("1e2", 100), ("1.50E1", 15), ("10e-1", 1)]
        {
            assert_eq!(integer(json), Some(n), "{}", json);
        }
        assert_eq!(integer("9223372036854775807"), Some(i64::MAX));
        for json in ["9223372036854775808", "1.5", "1e300", "1e9999", "1e-9999999999x", "9e15"] {
            assert_eq!(integer(json), None, "{}", json);
        }
    }

    #[test]
    fn what_is_refused() {
        #[rustfmt::skip]
        let wrong = [
            "", " ", "{", "}", "[]", "1", "\"a\"", "null", "{}x", "{} {}", "{a:1}", "{\"a\"}",
            "{\"a\":}", "{\"a\":1,}", "{,}", "{\"a\":1 \"b\":2}", "{\"a\":1", "{\"a\":1,\"a\":2}",
            "{\"a\":true}", "{\"a\":null}", "{\"a\":[]}", "{\"a\":{}}", "{\"a\":\"}", "{\"a\":\"\\",
            "{\"a\":\"\\x\"}", "{\"a\":\"\\u12\"}", "{\"a\":\"\\u12g4\"}", "{\"a\":\"\\u+123\"}",
            "{\"a\":\"\\ud800\"}", "{\"a\":\"\\udc00\"}", "{\"a\":\"\\ud800\\u0041\"}",
            "{\"a\":\"\\ud800\\u\"}", "{\"a\":\"\n\"}", "{\"a\":\"\0\"}", "{\"a\":01}", "{\"a\":-}",
            "{\"a\":-a}", "{\"a\":1.}", "{\"a\":.5}", "{\"a\":1e}", "{\"a\":1e+}", "{\"a\":-.5}",
            "{\"a\":+1}", "{\"a\":0x1}", "{\"a\":\"\\u123é\"}", "\u{feff}{}",
        ];
        for json in wrong {
            assert!(parse(json.as_bytes()).is_err(), "{}", json);
        }
        assert!(parse(b"{\"a\":\"\xff\"}").is_err());
        let many: Vec<String> = (0..=MEMBERS_MAX).map(|i| format!("\"{}\":1", i)).collect();
        assert!(parse(format!("{{{}}}", many.join(",")).as_bytes()).is_err());
        assert!(parse(format!("{{{}}}", many[1..].join(",")).as_bytes()).is_ok());
        let cut = "{\"a\": \"\\u00e9é\", \"b\": -1.5e+1}";
        for end in 0..cut.len() {
            assert!(parse(&cut.as_bytes()[..end]).is_err(), "{}", end);
        }
        assert!(parse(cut.as_bytes()).is_ok());
    }

    /// Whatever comes: an answer, and no panic.
    #[test]
    fn damaged_text() {
        let sound = "{\"a\": \"\\u00e9\\ud83d\\ude00é\\n\", \"b\": -1.5e+1, \"c\":0}".as_bytes();
        let bytes = b"{}[]\",:\\u0dD8eE+-.19 \n\0\xc3\xa9\xff";
        let mut random: u32 = 1;
        let mut next = |n: usize| {
            random ^= random << 13;
            random ^= random >> 17;
            random ^= random << 5;
            random as usize % n
        };
        for _ in 0..50_000 {
            let mut text = sound.to_vec();
            for _ in 0..=next(3) {
                let at = next(text.len());
                match next(3) {
                    0 => text[at] = bytes[next(bytes.len())],
                    1 => text.insert(at, bytes[next(bytes.len())]),
                    _ => drop(text.remove(at)),
                }
            }
            let _ = parse(&text);
        }
    }

    #[test]
    fn writing() {
        let hard = "a\"\\\n\0\x1f\u{7f}é😀";
        assert_eq!(text(&quoted(hard)), hard);
        assert_eq!(quoted("a\n"), "\"a\\u000a\"");
    }
}
