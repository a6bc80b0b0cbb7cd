//! The public items of superposition-model and superposition-train stand in a committed file, so that an API which grows
//! is seen to grow; at most 40 of them are at the roots of the two crates.

use std::collections::BTreeSet;

use super::Finding;
use crate::{
    source,
    workspace::{Crate, Workspace},
};

const CRATES: [&str; 2] = ["superposition-model", "superposition-train"];
const FILE: &str = "docs/api.txt";
const ROOT_ITEMS: usize = 40;

pub(crate) fn check(workspace: &Workspace) -> Vec<Finding> {
    let mut api = Api::default();
    for member in &workspace.crates {
        if CRATES.contains(&member.name.as_str()) {
            let krate = member.name.replace('-', "_");
            for root in &member.roots {
                read_module(workspace, member, &krate, root, &mut api);
            }
        }
    }
    let committed = workspace.file(FILE).and_then(|file| file.text.as_deref());
    api.faults.extend(compare(&api.items, committed));
    api.faults.extend(too_many(&api.items));
    api.faults
}

/// What two crates offer.
#[derive(Debug, Default)]
struct Api {
    /// Paths such as `superposition_model::ToyModel`.
    items: BTreeSet<String>,
    /// What cannot be listed.
    faults: Vec<Finding>,
}

/// Adds the `pub use` lists of a module (`file`, at `path`) and of the public modules within.
fn read_module(workspace: &Workspace, member: &Crate, path: &str, file: &str, api: &mut Api) {
    let Some(text) = workspace.file(file).and_then(|file| file.text.as_deref()) else {
        api.faults.push(Finding::new(file, "cannot be read"));
        return;
    };
    let module = public_statements(text);
    for name in &module.uses {
        if name == "*" {
            let message = "name each item of a `pub use`: a glob grows unseen";
            api.faults.push(Finding::new(file, message));
        } else {
            api.items.insert(format!("{path}::{name}"));
        }
    }
    for other in &module.others {
        let message = format!("`{other}`: define it in a private file and list it in a `pub use`");
        api.faults.push(Finding::new(file, message));
    }
    for name in &module.modules {
        let path = format!("{path}::{name}");
        // The module `a::b` of a crate is `src/a/b.rs` or `src/a/b/mod.rs`.
        let folders = path.split("::").skip(1).collect::<Vec<_>>().join("/");
        let files = ["", "/mod"].map(|end| member.path(&format!("src/{folders}{end}.rs")));
        let found = files.iter().find(|file| workspace.file(file).is_some());
        read_module(workspace, member, &path, found.unwrap_or(&files[0]), api);
    }
}

/// What a file of declarations makes public, in its order.
#[derive(Debug, Default, PartialEq, Eq)]
struct Public {
    /// The names that `pub use` lists give.
    uses: Vec<String>,
    /// `pub mod name;`
    modules: Vec<String>,
    /// The beginning of everything else that is `pub`: definitions, modules with a body.
    others: Vec<String>,
}

fn public_statements(text: &str) -> Public {
    let code = source::without_tests(&source::code_only(text));
    let mut public = Public::default();
    for statement in statements(&code) {
        let statement = statement.split_whitespace().collect::<Vec<_>>().join(" ");
        let Some(rest) = without_attributes(&statement).strip_prefix("pub ") else {
            continue;
        };
        if let Some(tree) = rest.strip_prefix("use ") {
            public.uses.extend(names(tree));
        } else if let (Some(name), false) = (rest.strip_prefix("mod "), rest.contains('{')) {
            public.modules.push(name.to_owned());
        } else {
            let head = rest.split('{').next().unwrap_or_default().trim();
            public.others.push(format!("pub {head}"));
        }
    }
    public
}

/// The code up to each `;`, or each brace that closes a body, outside of all others.
fn statements(code: &str) -> Vec<&str> {
    let (mut statements, mut start, mut braces) = (Vec::new(), 0, 0_usize);
    for (at, c) in code.char_indices() {
        match c {
            '{' => braces += 1,
            '}' => braces = braces.saturating_sub(1),
            _ => {}
        }
        // The braces of a list are not a body: its statement goes on to the `;`.
        let is_list = || {
            let head = code[start..at].split('{').next().unwrap_or_default();
            head.split_whitespace().any(|word| word == "use")
        };
        if braces == 0 && (c == ';' || c == '}' && !is_list()) {
            statements.push(code[start..at].trim());
            start = at + 1;
        }
    }
    statements
}

/// `#[doc(hidden)] pub use a::b` is as public as `pub use a::b`.
fn without_attributes(statement: &str) -> &str {
    let mut rest = statement;
    while rest.starts_with('#') {
        let mut depth = 0_usize;
        let end = rest.find(|c| {
            depth += usize::from(c == '[');
            depth = depth.saturating_sub(usize::from(c == ']'));
            c == ']' && depth == 0
        });
        let Some(end) = end else {
            break;
        };
        rest = rest[end + 1..].trim_start();
    }
    rest
}

/// The names that a tree such as `a::{B, c::{self, D as E}}` brings in: B, c and E.
fn names(tree: &str) -> Vec<String> {
    let tree = tree.trim();
    if let Some((before, list)) = tree.split_once('{') {
        let list = list.trim_end().strip_suffix('}').unwrap_or(list);
        let module = last_segment(before.trim_end().trim_end_matches("::"));
        return branches(list)
            .into_iter()
            .flat_map(names)
            .map(|name| {
                if name == "self" {
                    module.to_owned()
                } else {
                    name
                }
            })
            .collect();
    }
    let name = tree.rsplit_once(" as ").map_or(tree, |(_, name)| name);
    let name = last_segment(name);
    if name.is_empty() {
        return Vec::new();
    }
    vec![name.to_owned()]
}

fn last_segment(path: &str) -> &str {
    path.rsplit("::").next().unwrap_or(path).trim()
}

/// The parts between the commas that are in no inner list.
fn branches(list: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    list.split(|c| {
        depth += usize::from(c == '{');
        depth = depth.saturating_sub(usize::from(c == '}'));
        c == ',' && depth == 0
    })
    .collect()
}

/// The committed file has each item on a line of its own, sorted.
fn compare(items: &BTreeSet<String>, committed: Option<&str>) -> Vec<Finding> {
    let lines: Vec<&str> = committed.unwrap_or_default().lines().collect();
    let listed: BTreeSet<String> = lines.iter().map(|&line| line.to_owned()).collect();
    let mut findings: Vec<Finding> = items
        .difference(&listed)
        .map(|item| {
            format!(
                "`{item}` is new: add the line to {FILE} if the growth is meant; at most {ROOT_ITEMS} at the roots"
            )
        })
        .chain(listed.difference(items).map(|item| {
            format!("`{item}` is public no more: remove the line from {FILE} if that is meant, and say so in the changelog")
        }))
        .map(|message| Finding::new(FILE, message))
        .collect();
    if !lines.is_sorted_by(|a, b| a < b) {
        findings.push(Finding::new(FILE, "must be sorted, each item once"));
    }
    findings
}

fn too_many(items: &BTreeSet<String>) -> Option<Finding> {
    let at_root = |item: &&String| item.matches("::").count() == 1;
    let count = items.iter().filter(at_root).count();
    (count > ROOT_ITEMS).then(|| {
        Finding::new(
            CRATES.join(" and "),
            format!("{count} items at the roots, at most {ROOT_ITEMS}: make one private, or give a family a module of its own"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{tidy::example, workspace::File};

    const ROOT: &str = "superposition-model/src/lib.rs";

    fn workspace(files: &[(&str, &str)]) -> Workspace {
        let mut workspace = example("superposition-model", ROOT, "");
        workspace.files = files
            .iter()
            .map(|(path, text)| File {
                path: (*path).to_owned(),
                bytes: text.len() as u64,
                text: Some((*text).to_owned()),
            })
            .collect();
        workspace
    }

    fn messages(files: &[(&str, &str)]) -> Vec<String> {
        let findings = check(&workspace(files)).into_iter();
        findings.map(|finding| finding.to_string()).collect()
    }

    #[test]
    fn a_file_that_agrees_is_fine() {
        let files = [
            (
                ROOT,
                "#![doc = \"x\"]\nmod a;\npub mod sae;\npub(crate) use a::d;\npub use faer;\n// pub use a::E;\npub use a::{B,\n    C};",
            ),
            (
                "superposition-model/src/sae/mod.rs",
                "mod loss;\npub mod deep;\npub use loss::Loss;",
            ),
            (
                "superposition-model/src/sae/deep.rs",
                "pub use super::loss::Deep;",
            ),
            (
                FILE,
                "superposition_model::B\nsuperposition_model::C\nsuperposition_model::faer\n\
                 superposition_model::sae::Loss\nsuperposition_model::sae::deep::Deep\n",
            ),
        ];
        assert_eq!(messages(&files), [""; 0]);
    }

    #[test]
    fn what_was_added_or_removed_is_found() {
        let root = (ROOT, "pub use a::{B, C};");
        let found = messages(&[root, (FILE, "superposition_model::B\n")]);
        assert_eq!(
            found,
            [
                "docs/api.txt: `superposition_model::C` is new: add the line to docs/api.txt if the growth is meant; \
                 at most 40 at the roots"
            ]
        );
        let file = "superposition_model::A\nsuperposition_model::B\nsuperposition_model::C\n";
        let found = messages(&[root, (FILE, file)]);
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("`superposition_model::A` is public no more"));
        assert_eq!(messages(&[root]).len(), 2);
    }

    #[test]
    fn the_file_is_sorted() {
        let root = (ROOT, "pub use a::{B, C};");
        for file in [
            "superposition_model::C\nsuperposition_model::B\n",
            "superposition_model::B\nsuperposition_model::B\nsuperposition_model::C\n",
        ] {
            assert_eq!(
                messages(&[root, (FILE, file)]),
                ["docs/api.txt: must be sorted, each item once"]
            );
        }
    }

    #[test]
    fn the_roots_hold_forty_items() {
        let item = |i| format!("superposition_model::Item{i:02}");
        let mut items: BTreeSet<String> = (0..ROOT_ITEMS).map(item).collect();
        items.insert("superposition_model::sae::Loss".to_owned());
        assert_eq!(too_many(&items), None);
        items.insert("superposition_train::train".to_owned());
        let finding = too_many(&items).expect("one too many");
        assert!(finding.message.starts_with("41 items"));
    }

    #[test]
    fn nothing_is_public_past_the_list() {
        let code = "pub use a::*;\npub fn f() -> u8 { 0 }\npub mod b { pub use c::D; }\n#[derive(Clone)]\npub struct E;";
        let found = messages(&[(ROOT, code), (FILE, "")]);
        assert_eq!(found.len(), 4, "{found:?}");
        assert!(found[0].contains("glob"));
        for (found, head) in
            found[1..]
                .iter()
                .zip(["`pub fn f() -> u8`", "`pub mod b`", "`pub struct E`"])
        {
            assert!(found.contains(head), "{found}");
        }
        assert_eq!(messages(&[(ROOT, "pub mod gone;"), (FILE, "")]).len(), 1);
    }

    #[test]
    fn statements_are_read() {
        let code = "#[doc(hidden)]\n#[cfg(a)]\npub use a::B as C;\nfn f() { pub use x::Y; }\n#[cfg(test)]\npub use t::T;\npub mod m;\nuse d::{E};\npub use d::{G, h::{self, I as J},};";
        assert_eq!(
            public_statements(code),
            Public {
                uses: ["C", "G", "h", "J"].map(str::to_owned).to_vec(),
                modules: vec!["m".to_owned()],
                others: Vec::new(),
            }
        );
    }
}
