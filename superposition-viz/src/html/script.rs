//! The page's script: its modules joined in the order of their imports.

/// Name and text of each module, those first that others import.
const MODULES: [(&str, &str); 20] = [
    ("data.js", include_str!("../../page/data.js")),
    ("number.js", include_str!("../../page/number.js")),
    ("color.js", include_str!("../../page/color.js")),
    ("elements.js", include_str!("../../page/elements.js")),
    ("surface.js", include_str!("../../page/surface.js")),
    ("linear.js", include_str!("../../page/linear.js")),
    ("page_state.js", include_str!("../../page/page_state.js")),
    ("drawing.js", include_str!("../../page/drawing.js")),
    ("chart.js", include_str!("../../page/chart.js")),
    ("scatter.js", include_str!("../../page/scatter.js")),
    ("overview.js", include_str!("../../page/overview.js")),
    ("geometry.js", include_str!("../../page/geometry.js")),
    (
        "interference.js",
        include_str!("../../page/interference.js"),
    ),
    (
        "feature_table.js",
        include_str!("../../page/feature_table.js"),
    ),
    ("clusters.js", include_str!("../../page/clusters.js")),
    ("neurons.js", include_str!("../../page/neurons.js")),
    ("training.js", include_str!("../../page/training.js")),
    ("sweeps.js", include_str!("../../page/sweeps.js")),
    ("probes.js", include_str!("../../page/probes.js")),
    ("main.js", include_str!("../../page/main.js")),
];

/// One script: the modules without the words `import` and `export`, inside a function of their own.
///
/// That holds as long as no two modules declare one name, an import is one line without renaming, and the order above is
/// that of the imports; the tests check it.
pub(super) fn joined() -> String {
    let mut script = String::from("(() => {\n\"use strict\";\n");
    for (_, text) in MODULES {
        for line in text.lines().filter(|line| !line.starts_with("import ")) {
            script.push_str(line.strip_prefix("export ").unwrap_or(line));
            script.push('\n');
        }
    }
    script.push_str("})();\n");
    script
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// Names that a module declares outside of any function.
    fn declared(text: &str) -> impl Iterator<Item = &str> {
        text.lines().filter_map(|line| {
            let line = line.strip_prefix("export ").unwrap_or(line);
            let (keyword, rest) = line.split_once(' ')?;
            let declares = ["const", "let", "function", "class"].contains(&keyword);
            declares.then(|| {
                rest.split(|c: char| !c.is_alphanumeric() && c != '_')
                    .next()
            })?
        })
    }

    #[test]
    fn no_two_modules_declare_one_name() {
        let mut names = HashSet::new();
        for (module, text) in MODULES {
            for name in declared(text) {
                assert!(!name.is_empty() && names.insert(name), "{name} of {module}");
            }
        }
        assert!(names.len() > 60, "{}", names.len());
    }

    #[test]
    fn imports_are_lines_of_modules_before() {
        let mut before = HashSet::new();
        for (module, text) in MODULES {
            for line in text.lines().filter(|line| line.starts_with("import ")) {
                let from = line.split_once("from \"./").map(|(_, rest)| rest);
                let from = from.and_then(|rest| rest.strip_suffix("\";"));
                let from = from.unwrap_or_else(|| panic!("{module}: {line}"));
                assert!(
                    before.contains(from) && !line.contains(" as "),
                    "{module}: {line}"
                );
            }
            before.insert(module);
        }
    }

    #[test]
    fn the_script_is_plain_and_ends_no_element() {
        let script = joined();
        assert!(!script.contains("</script") && !script.contains("<!--"));
        assert!(
            !script
                .lines()
                .any(|line| line.starts_with("import") || line.starts_with("export"))
        );
        // What could make markup of a label, or reach out.
        for word in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "fetch(",
            "XMLHttp",
            "eval(",
        ] {
            assert!(!script.contains(word), "{word}");
        }
    }
}
