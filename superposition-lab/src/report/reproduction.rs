//! Reproductions as a table, and as a page for a repository.

use superposition_viz::{TextStyle, format_number, key_values, section, table};

use super::pair;
use crate::reproduce::{Check, Experiment, Preset, ReproductionDocument, ReproductionRow};

/// The table of a reproduction, a line per check, then controls and notes.
#[must_use]
pub fn reproduction_report(document: &ReproductionDocument, style: &TextStyle) -> String {
    let headers = [
        "id", "", "check", "measured", "expected", "verdict", "seconds",
    ];
    let mut rows = Vec::new();
    for row in &document.rows {
        for (k, check) in row.checks.iter().enumerate() {
            let first = |text: String| if k == 0 { text } else { String::new() };
            rows.push(vec![
                first(row.id.clone()),
                if check.holds { "pass" } else { "FAIL" }.to_owned(),
                check.name.clone(),
                check.measured_text(),
                expected_text(check),
                first(row.verdict.to_string()),
                first(seconds(row)),
            ]);
        }
        for control in &row.controls {
            rows.push(vec![
                String::new(),
                if control.check.holds { "FAIL" } else { "pass" }.to_owned(),
                format!("must fail: {}", control.wrong_input),
                control.check.measured_text(),
                format!("not {}", control.check.expected),
                String::new(),
                String::new(),
            ]);
        }
    }
    let n_rows = rows.len();
    let all = style.with_max_rows(n_rows);
    let mut text = String::new();
    for row in &document.rows {
        text.push_str(&key_values(
            &[pair(&row.id, format!("{} ({})", row.claim, row.source))],
            style,
        ));
        for note in &row.notes {
            text.push_str(&key_values(&[pair("  ", note.clone())], style));
        }
    }
    text.push('\n');
    text.push_str(&table(&headers, &rows, &all));
    text.push('\n');
    text.push_str(&summary(document));
    text.push('\n');
    text
}

/// The experiments there are.
#[must_use]
pub fn experiments_report(
    experiments: &[&Experiment],
    preset: Preset,
    style: &TextStyle,
) -> String {
    let mut text = section("Published results", style);
    for experiment in experiments {
        let definition = &experiment.definition;
        let budget = format_number(definition.budget.of(preset), 2);
        let words = format!(
            "{}. {}, {} (about {budget} s)",
            definition.claim, definition.source, definition.section
        );
        text.push_str(&key_values(
            &[pair(&format!("{:>4}", definition.id), words)],
            style,
        ));
    }
    text
}

fn seconds(row: &ReproductionRow) -> String {
    row.seconds
        .map_or_else(|| "-".to_owned(), |seconds| format!("{seconds:.1}"))
}

fn summary(document: &ReproductionDocument) -> String {
    let passed = document.rows.iter().filter(|row| row.passes).count();
    format!(
        "{passed} of {} results pass ({} preset, version {})",
        document.rows.len(),
        document.preset,
        document.version
    )
}

/// What the first line of a page says that this program wrote.
pub const PAGE_MARK: &str = "<!-- written by `superposition reproduce --page`; do not edit -->";

/// The page of a reproduction, in Markdown.
#[must_use]
pub fn reproduction_page(document: &ReproductionDocument) -> String {
    let mut page = format!("{PAGE_MARK}\n\n# Published results, reproduced\n\n");
    let mut line = |text: String| {
        page.push_str(&text);
        page.push('\n');
    };
    line(format!("{}.", summary(document)));
    if let Some(machine) = &document.machine {
        line(format!(
            "Machine: {}, {} cores.",
            machine.cpu, machine.cores
        ));
    }
    if let Some(commit) = &document.commit {
        line(format!("Commit: {commit}."));
    }
    line(
        "Each check stands beside what it must be; a control is a check on a wrong input, which must fail. \
         *agrees*: the published value came out. *differs*: the same quantity has another value. \
         *extends*: the paper made no claim there."
            .to_owned(),
    );
    line(String::new());
    line("| id | claim | measured | expected | | verdict | seconds |".to_owned());
    line("|---|---|---|---|---|---|---|".to_owned());
    for row in &document.rows {
        // Where something fails, that; else the first.
        let check = row
            .checks
            .iter()
            .find(|check| !check.holds)
            .or(row.checks.first());
        let (measured, expected) = check.map_or_else(Default::default, |check| {
            (
                format!("{}: {}", check.name, check.measured_text()),
                expected_text(check),
            )
        });
        line(format!(
            "| [{id}](#{anchor}) | {} | {} | {} | {} | {} | {} |",
            cell(&row.claim),
            cell(&measured),
            cell(&expected),
            if row.passes { "pass" } else { "**fail**" },
            row.verdict,
            seconds(row),
            id = row.id,
            anchor = row.id.to_lowercase(),
        ));
    }
    for row in &document.rows {
        line(format!("\n## {}\n", row.id));
        line(format!(
            "{}. {}, *{}*.",
            capitalised(&row.claim),
            row.source,
            row.section
        ));
        line(format!(
            "Computed: {}. Measured: {}.",
            row.config, row.measured
        ));
        line(format!(
            "It may take {} s on two cores.",
            format_number(row.expected_seconds, 2)
        ));
        if !row.seeds.is_empty() {
            let seeds: Vec<String> = row.seeds.iter().map(u64::to_string).collect();
            line(format!("Seeds: {}.", seeds.join(", ")));
        }
        line(
            "\n| check | measured | how | expected | why | |\n|---|---|---|---|---|---|".to_owned(),
        );
        for check in &row.checks {
            line(check_line(
                "",
                check,
                if check.holds { "pass" } else { "**fail**" },
            ));
        }
        for control in &row.controls {
            let prefix = format!("control, {}: ", control.wrong_input);
            let outcome = match control.check.holds {
                true => "**holds: fail**",
                false => "fails as it must",
            };
            line(check_line(&prefix, &control.check, outcome));
        }
        if !row.notes.is_empty() {
            line(String::new());
        }
        for note in &row.notes {
            line(format!("- {note}"));
        }
    }
    page
}

fn check_line(prefix: &str, check: &Check, outcome: &str) -> String {
    format!(
        "| {} | {} | {} | {} | {} | {outcome} |",
        cell(&format!("{prefix}{}", check.name)),
        check.measured_text(),
        check.precision,
        cell(&expected_text(check)),
        cell(&check.reason),
    )
}

/// What a value must be, beside the published one where that is another.
fn expected_text(check: &Check) -> String {
    match check.published {
        Some(value) => format!(
            "{} (published: {})",
            check.expected,
            format_number(value, 6)
        ),
        None => check.expected.to_string(),
    }
}

/// Text inside a table of Markdown.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}
