//! The table of the page, read from its Markdown.

/// What a page's tables hold.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) rows: Vec<Row>,
    /// Line and what is wrong with it.
    pub(super) faults: Vec<(usize, String)>,
}

/// A public item of the Python library and what is here instead.
#[derive(Debug)]
pub(super) struct Row {
    /// From 1.
    pub(super) line: usize,
    /// Paths such as `superposition_analysis::feature_norms`.
    pub(super) items: Vec<String>,
    /// Command lines that begin with `superposition `.
    pub(super) commands: Vec<String>,
}

const COLUMNS: [&str; 4] = ["Python", "Rust", "Command", "Differs"];

/// Reads every table that has the four columns, in any order; other tables are left alone.
pub(super) fn parse(text: &str) -> Table {
    let mut table = Table::default();
    let mut columns: Option<[usize; 4]> = None;
    for (number, line) in text.lines().enumerate() {
        let line_number = number + 1;
        if !line.trim_start().starts_with('|') {
            columns = None;
            continue;
        }
        let cells = cells(line);
        let Some(columns) = columns else {
            columns = find_columns(&cells);
            continue;
        };
        if cells
            .iter()
            .all(|cell| !cell.is_empty() && cell.chars().all(|c| "-: ".contains(c)))
        {
            continue;
        }
        match read_row(line_number, &cells, columns) {
            Ok(row) => table.rows.push(row),
            Err(fault) => table.faults.push((line_number, fault)),
        }
    }
    table
}

fn find_columns(cells: &[String]) -> Option<[usize; 4]> {
    let place = |name: &str| cells.iter().position(|cell| cell == name);
    let mut columns = [0; 4];
    for (column, name) in columns.iter_mut().zip(COLUMNS) {
        *column = place(name)?;
    }
    Some(columns)
}

fn read_row(
    line: usize,
    cells: &[String],
    [python, rust, command, differs]: [usize; 4],
) -> Result<Row, String> {
    let cell = |column: usize| cells.get(column).map(String::as_str).unwrap_or_default();
    if cells.len()
        <= [python, rust, command, differs]
            .into_iter()
            .max()
            .unwrap_or_default()
    {
        return Err(format!(
            "has {} cells; is a `|` inside of code not written `\\|`?",
            cells.len()
        ));
    }
    if cell(python).is_empty() {
        return Err("names nothing of the Python library".to_owned());
    }
    let items = code_spans(cell(rust));
    if items.is_empty() && cell(differs).is_empty() {
        return Err("names no Rust item and does not say why".to_owned());
    }
    if let Some(item) = items
        .iter()
        .find(|item| !item.starts_with("superposition_") || !item.contains("::"))
    {
        return Err(format!(
            "`{item}` is not a path such as superposition_model::ToyModel"
        ));
    }
    let commands = code_spans(cell(command));
    if let Some(command) = commands
        .iter()
        .find(|command| !command.starts_with("superposition "))
    {
        return Err(format!("`{command}` does not begin with `superposition `"));
    }
    Ok(Row {
        line,
        items,
        commands,
    })
}

/// The cells of a line of a table; `\|` is a bar inside of a cell.
fn cells(line: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut chars = line.trim().trim_start_matches('|').chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if chars.peek() == Some(&'|') => {
                chars.next();
                cells.last_mut().expect("there is always a cell").push('|');
            }
            '|' => cells.push(String::new()),
            _ => cells.last_mut().expect("there is always a cell").push(c),
        }
    }
    // What stands behind the last bar is no cell.
    if cells.last().is_some_and(|cell| cell.trim().is_empty()) {
        cells.pop();
    }
    cells.iter().map(|cell| cell.trim().to_owned()).collect()
}

/// What stands between single backticks.
fn code_spans(cell: &str) -> Vec<String> {
    cell.split('`')
        .skip(1)
        .step_by(2)
        .map(|span| span.trim().to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "# Title\n\n| Python | Rust | Command | Differs |\n|---|:---|---|---|\n";

    #[test]
    fn a_row_has_items_and_commands() {
        let row = "| `f(x)` | `superposition_io::read`, `superposition_io::File::open` | `superposition train --importance \"uniform\\|a\"` and `superposition sweep` | no |\n";
        let table = parse(&format!(
            "{HEAD}{row}\n| other | table |\n|---|---|\n| `a` | `b` |\n"
        ));
        assert!(table.faults.is_empty(), "{:?}", table.faults);
        assert_eq!(table.rows.len(), 1);
        assert_eq!(table.rows[0].line, 5);
        assert_eq!(
            table.rows[0].items,
            ["superposition_io::read", "superposition_io::File::open"]
        );
        assert_eq!(
            table.rows[0].commands,
            [
                "superposition train --importance \"uniform|a\"",
                "superposition sweep"
            ]
        );
    }

    #[test]
    fn a_row_may_say_why_there_is_nothing() {
        let table = parse(&format!(
            "{HEAD}| `f` | | | Not carried over: nobody called it. |\n"
        ));
        assert_eq!((table.rows.len(), table.faults.len()), (1, 0));
    }

    #[test]
    fn faults_are_found() {
        let rows = [
            "| `f` | | | |",
            "| `f` | `feature_norms` | | |",
            "| `f` | `superposition_io::read` | `cargo run` | |",
            "| `f` | `superposition_io::read` |",
            "| | `superposition_io::read` | | |",
        ];
        for row in rows {
            let table = parse(&format!("{HEAD}{row}\n"));
            assert_eq!((table.rows.len(), table.faults.len()), (0, 1), "{row}");
        }
    }
}
