//! Rust sources as text for the checks: code without its comments and strings, and without its tests.
//!
//! Not a parser: what the checks look for are names, and a name in a comment, a string or a doctest is not a use.

/// The same text with comments and the contents of strings and character literals blanked; every line keeps its number.
pub(crate) fn code_only(source: &str) -> String {
    let chars: Vec<char> = source.chars().collect();
    let mut code = String::with_capacity(source.len());
    let mut at = 0;
    while at < chars.len() {
        let end = match chars[at] {
            '/' if chars.get(at + 1) == Some(&'/') => end_of_line(&chars, at),
            '/' if chars.get(at + 1) == Some(&'*') => end_of_block_comment(&chars, at),
            '"' => end_of_string(&chars, at),
            'r' if !is_tail_of_identifier(&chars, at) => {
                end_of_raw_string(&chars, at).unwrap_or(at)
            }
            '\'' => end_of_character(&chars, at).unwrap_or(at),
            _ => at,
        };
        if end == at {
            code.push(chars[at]);
            at += 1;
        } else {
            code.extend(
                chars[at..end]
                    .iter()
                    .map(|&c| if c == '\n' { '\n' } else { ' ' }),
            );
            at = end;
        }
    }
    code
}

fn is_identifier(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// In `br"..."` and `cr"..."` the prefix belongs to the string; in `for"` it does not.
fn is_tail_of_identifier(chars: &[char], at: usize) -> bool {
    let before = |k: usize| at.checked_sub(k).and_then(|i| chars.get(i)).copied();
    match before(1) {
        Some('b' | 'c') => before(2).is_some_and(is_identifier),
        Some(c) => is_identifier(c),
        None => false,
    }
}

fn end_of_line(chars: &[char], start: usize) -> usize {
    let length = chars[start..].iter().position(|&c| c == '\n');
    length.map_or(chars.len(), |length| start + length)
}

fn end_of_block_comment(chars: &[char], start: usize) -> usize {
    let mut depth = 0;
    let mut at = start;
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    chars.len()
}

fn end_of_string(chars: &[char], start: usize) -> usize {
    let mut at = start + 1;
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

/// `None` if what starts here is no raw string, but a name or a raw identifier.
fn end_of_raw_string(chars: &[char], start: usize) -> Option<usize> {
    let hashes = chars[start + 1..].iter().take_while(|&&c| c == '#').count();
    let open = start + 1 + hashes;
    if chars.get(open) != Some(&'"') {
        return None;
    }
    let close = (open + 1..chars.len()).find(|&i| {
        chars[i] == '"'
            && chars.len() - i > hashes
            && chars[i + 1..=i + hashes].iter().all(|&c| c == '#')
    });
    Some(close.map_or(chars.len(), |close| close + 1 + hashes))
}

/// `None` if the quote starts a lifetime.
fn end_of_character(chars: &[char], start: usize) -> Option<usize> {
    match (chars.get(start + 1)?, chars.get(start + 2)) {
        ('\\', _) => {
            let close = chars.get(start + 3..)?.iter().position(|&c| c == '\'')?;
            Some(start + 3 + close + 1)
        }
        (_, Some('\'')) => Some(start + 3),
        _ => None,
    }
}

/// Code (as given by [`code_only`]) with every item under `#[cfg(test)]` blanked.
pub(crate) fn without_tests(code: &str) -> String {
    const ATTRIBUTE: &str = "#[cfg(test)]";
    let mut result = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(start) = rest.find(ATTRIBUTE) {
        let end = start + ATTRIBUTE.len() + end_of_item(&rest[start + ATTRIBUTE.len()..]);
        result.push_str(&rest[..start]);
        result.extend(
            rest[start..end]
                .chars()
                .map(|c| if c == '\n' { '\n' } else { ' ' }),
        );
        rest = &rest[end..];
    }
    result.push_str(rest);
    result
}

/// The end of the first braced block, or of a statement that ends before one.
fn end_of_item(code: &str) -> usize {
    let mut braces = 0_usize;
    // `[f32; 4]` in a signature does not end an item.
    let mut brackets = 0_usize;
    for (at, c) in code.char_indices() {
        match c {
            '[' | '(' => brackets += 1,
            ']' | ')' => brackets = brackets.saturating_sub(1),
            ';' if braces == 0 && brackets == 0 => return at + 1,
            '{' => braces += 1,
            '}' => {
                braces = braces.saturating_sub(1);
                if braces == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    code.len()
}

/// The lines (from 1) on which the name occurs as a whole: `exp` is not in `expect`, `std::time` not in `std::timer`.
pub(crate) fn lines_with(code: &str, name: &str) -> Vec<usize> {
    let first = name.chars().next().is_some_and(is_identifier);
    let last = name.chars().next_back().is_some_and(is_identifier);
    let mut lines = Vec::new();
    for (number, line) in code.lines().enumerate() {
        let whole = line.match_indices(name).any(|(at, _)| {
            let before = line[..at].chars().next_back().is_some_and(is_identifier);
            let after = line[at + name.len()..]
                .chars()
                .next()
                .is_some_and(is_identifier);
            !(first && before || last && after)
        });
        if whole {
            lines.push(number + 1);
        }
    }
    lines
}

/// Whether the file holds only tests: `tests.rs`, or in a folder of tests or benchmarks.
pub(crate) fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs")
        || path
            .split('/')
            .any(|folder| folder == "tests" || folder == "benches")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_are_blanked_and_lines_stay() {
        let source = "a /* b /* c */ d\n */ e // f\ng(\"h \\\" i\", 'j', '\\'', r#\"k \" \"#, br\"l\", b\"m\")";
        let code = code_only(source);
        assert_eq!(code.lines().count(), 3);
        for gone in ["b", "c", "d", "f", "h", "i", "j", "k", "l", "m"] {
            // The prefix `b` of a byte string stays, as code.
            assert!(
                gone == "b" || !code.contains(gone),
                "{gone} is left in {code:?}"
            );
        }
        for left in ["a", "e", "g"] {
            assert!(code.contains(left), "{left} is gone from {code:?}");
        }
    }

    #[test]
    fn lifetimes_and_raw_identifiers_are_code() {
        let source = "fn f<'a>(x: &'a str, r#type: char) -> &'static str { 'x' }";
        assert_eq!(
            code_only(source),
            "fn f<'a>(x: &'a str, r#type: char) -> &'static str {     }"
        );
    }

    #[test]
    fn tests_are_blanked_up_to_their_last_brace() {
        let code = "fn a() {}\n#[cfg(test)]\n#[allow(x)]\nmod tests {\n fn b() { {} }\n}\nfn c() {}\n#[cfg(test)]\nmod d;\nfn e() {}";
        let left = without_tests(code);
        assert_eq!(left.lines().count(), code.lines().count());
        assert!(left.contains("fn a") && left.contains("fn c") && left.contains("fn e"));
        assert!(!left.contains("fn b") && !left.contains("mod d"));
    }

    #[test]
    fn names_are_whole() {
        let code = "x.expect(1);\nx.exp();\nstd::timer\nuse std::time::Instant;";
        assert_eq!(lines_with(code, ".exp("), [2]);
        assert_eq!(lines_with(code, "std::time"), [4]);
        assert_eq!(lines_with(code, "exp"), [2]);
    }
}
