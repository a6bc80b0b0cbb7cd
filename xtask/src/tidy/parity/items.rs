//! Looks a path up in the HTML that rustdoc wrote: what a reader can find there exists and is public.

use std::{fs, path::Path};

/// Pages that show one item each, by the prefix of their file name.
const KINDS: [&str; 8] = [
    "struct", "enum", "trait", "fn", "type", "constant", "macro", "union",
];

/// Identifiers of what belongs to a type, on the page of that type.
const MEMBERS: [&str; 6] = [
    "method",
    "tymethod",
    "structfield",
    "variant",
    "associatedconstant",
    "associatedtype",
];

/// What a path leads to.
enum Found {
    /// A module: its page lists items, and needs no example of its own.
    Module,
    /// An item with a page of its own.
    Item { page: String },
    /// Something on the page of a type.
    Member {
        page: String,
        id: String,
        name: String,
    },
}

/// Whether the path leads to something public that has an example; else what is wrong.
pub(super) fn check(documentation: &Path, path: &str) -> Result<(), String> {
    let found = resolve(documentation, path)
        .ok_or_else(|| format!("`{path}` is not in the documentation"))?;
    if has_example(&found) {
        Ok(())
    } else {
        Err(format!("`{path}` has no doctest"))
    }
}

fn resolve(documentation: &Path, path: &str) -> Option<Found> {
    let segments: Vec<&str> = path.split("::").collect();
    let (krate, rest) = segments.split_first()?;
    let folder = documentation.join(krate);
    if rest.is_empty()
        || segments
            .iter()
            .any(|segment| segment.is_empty() || segment.contains(['/', '.']))
    {
        return None;
    }
    // `krate::module::Type::member`: the modules are folders, so the type is the first segment that has a page.
    for depth in 0..rest.len() {
        let module = rest[..depth]
            .iter()
            .fold(folder.clone(), |folder, segment| folder.join(segment));
        let name = rest[depth];
        let page = KINDS
            .iter()
            .find_map(|kind| fs::read_to_string(module.join(format!("{kind}.{name}.html"))).ok());
        match (page, &rest[depth + 1..]) {
            (Some(page), []) => return Some(Found::Item { page }),
            (Some(page), members) => return member(page, members),
            (None, []) if module.join(name).join("index.html").is_file() => {
                return Some(Found::Module);
            }
            (None, _) => {}
        }
    }
    None
}

fn member(page: String, members: &[&str]) -> Option<Found> {
    let ids: Vec<String> = match members {
        [name] => MEMBERS
            .iter()
            .map(|kind| format!("{kind}.{name}"))
            .collect(),
        [variant, field] => vec![format!("variant.{variant}.field.{field}")],
        _ => return None,
    };
    let id = ids
        .into_iter()
        .find(|id| page.contains(&format!("id=\"{id}\"")))?;
    let name = members.last()?.to_string();
    Some(Found::Member { page, id, name })
}

/// A function, a method and a type need an example of their own. A method may also be called in another example of its
/// page; a field or a variant is shown by any example there.
fn has_example(found: &Found) -> bool {
    match found {
        Found::Module => true,
        Found::Item { page } => !examples(page).is_empty(),
        Found::Member { page, id, name } => {
            let is_function = id.starts_with("method.") || id.starts_with("tymethod.");
            let called = |example: &str| !is_function || calls(example, name);
            !examples(section(page, id)).is_empty()
                || examples(page).iter().any(|example| called(example))
        }
    }
}

/// The part of a page about one member: from its identifier to the next section.
fn section<'a>(page: &'a str, id: &str) -> &'a str {
    let Some(start) = page.find(&format!("id=\"{id}\"")) else {
        return "";
    };
    let rest = &page[start..];
    rest.find("<section ").map_or(rest, |end| &rest[..end])
}

/// The examples of a page which run as tests.
fn examples(page: &str) -> Vec<&str> {
    page.split("<pre class=\"rust rust-example-rendered\">")
        .skip(1)
        .map(|rest| rest.split("</pre>").next().unwrap_or(rest))
        .collect()
}

/// Whether an example, with its highlighting, calls the method: `.name(`, `::name(` or `::name)`.
fn calls(example: &str, name: &str) -> bool {
    let mut code = String::new();
    let mut inside_tag = false;
    for c in example.chars() {
        match c {
            '<' => inside_tag = true,
            '>' => inside_tag = false,
            _ if !inside_tag => code.push(c),
            _ => {}
        }
    }
    ["(", ")", "::"].iter().any(|after| {
        code.contains(&format!(".{name}{after}")) || code.contains(&format!("::{name}{after}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = "<pre class=\"rust rust-example-rendered\"><code>model.<span class=\"fn\">encode</span>(x)</code></pre>";

    fn documentation(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, text).expect("a file");
        }
        folder
    }

    #[test]
    fn functions_need_a_page_with_an_example() {
        let folder = documentation(&[
            ("a/fn.good.html", EXAMPLE),
            ("a/fn.bare.html", "<pre></pre>"),
        ]);
        assert_eq!(check(folder.path(), "a::good"), Ok(()));
        assert_eq!(
            check(folder.path(), "a::bare"),
            Err("`a::bare` has no doctest".to_owned())
        );
        assert_eq!(
            check(folder.path(), "a::none"),
            Err("`a::none` is not in the documentation".to_owned())
        );
        assert!(check(folder.path(), "a").is_err());
        assert!(check(folder.path(), "a::../a::good").is_err());
    }

    #[test]
    fn members_are_found_on_the_page_of_their_type() {
        let page = format!(
            "<div>{EXAMPLE}</div><section id=\"structfield.b\"></section><section id=\"method.encode\"></section>\
             <section id=\"method.decode\"></section><section id=\"method.loss\"></section>{EXAMPLE}<section id=\"x\">"
        );
        let folder = documentation(&[("a/m/struct.T.html", page.as_str()), ("a/m/index.html", "")]);
        assert_eq!(check(folder.path(), "a::m"), Ok(()));
        assert_eq!(check(folder.path(), "a::m::T"), Ok(()));
        assert_eq!(check(folder.path(), "a::m::T::b"), Ok(()));
        // Called in an example of the page; with an example of its own; with neither; missing.
        assert_eq!(check(folder.path(), "a::m::T::encode"), Ok(()));
        assert_eq!(check(folder.path(), "a::m::T::loss"), Ok(()));
        assert!(check(folder.path(), "a::m::T::decode").is_err());
        assert!(check(folder.path(), "a::m::T::reconstruct").is_err());
    }

    #[test]
    fn variants_and_their_fields_are_found() {
        let page = format!(
            "{EXAMPLE}<section id=\"variant.V\"></section><section id=\"variant.V.field.f\"></section>"
        );
        let folder = documentation(&[("a/enum.E.html", page.as_str())]);
        assert_eq!(check(folder.path(), "a::E::V"), Ok(()));
        assert_eq!(check(folder.path(), "a::E::V::f"), Ok(()));
        assert!(check(folder.path(), "a::E::W").is_err());
        assert!(check(folder.path(), "a::E::V::g").is_err());
    }
}
