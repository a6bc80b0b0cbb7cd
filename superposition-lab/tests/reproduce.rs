//! Block X passes, its controls fail, and what is written is resumed and never mixed.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::Path;

use superposition_lab::LabError;
use superposition_lab::io::Overwrite;
use superposition_lab::report::{
    PAGE_MARK, experiments_report, reproduction_page, reproduction_report,
};
use superposition_lab::reproduce::{
    Check, Context, Expected, Findings, Precision, Preset, ReproductionDocument, ResultFolder,
    Verdict, experiments, select,
};
use superposition_lab::viz::TextStyle;
use superposition_testkit::golden;
use superposition_testkit::tolerance::{Tolerance, assert_close};

fn context() -> Context<'static> {
    Context::new(Preset::Quick, NonZeroUsize::MIN, &|_| {
        ControlFlow::Continue(())
    })
}

fn validate(document: &ReproductionDocument) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/reproduction.v1.schema.json");
    let schema = std::fs::read_to_string(path).unwrap();
    let schema = serde_json::from_str(&schema).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let value = serde_json::to_value(document).unwrap();
    let errors = validator.iter_errors(&value);
    errors
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

#[test]
fn block_x_passes_and_its_controls_fail() {
    let rows: Vec<_> = select(&["X"])
        .unwrap()
        .into_iter()
        .map(|experiment| {
            let reproduced = experiment.reproduce(&context()).unwrap();
            for figure in &reproduced.figures {
                assert!(figure.svg.starts_with("<svg"), "{}", figure.file);
                assert!(!figure.svg.contains("NaN") && !figure.svg.contains("inf"));
            }
            reproduced.row
        })
        .collect();
    for row in &rows {
        for check in &row.checks {
            assert!(check.holds, "{}: {check:#?}", row.id);
        }
        for control in &row.controls {
            assert!(!control.check.holds, "{}: {control:#?}", row.id);
        }
        assert!(!row.controls.is_empty() && row.passes, "{}", row.id);
    }
    let document = ReproductionDocument::new(Preset::Quick, rows);
    assert_eq!(validate(&document), Vec::<String>::new());
    assert!(document.passes);
    let report = reproduction_report(&document, &TextStyle::default().with_width(200));
    assert!(!report.contains("FAIL"), "{report}");
    let page = reproduction_page(&document);
    assert!(page.starts_with(PAGE_MARK) && !page.contains("**fail**"));
}

#[test]
fn polygons_are_those_that_scipy_finds() {
    let golden = golden::load("polygons");
    let row = select(&["X10"]).unwrap()[0]
        .reproduce(&context())
        .unwrap()
        .row;
    let polygons = golden["polygons"].as_array().unwrap();
    assert_eq!(polygons.len(), 9);
    for polygon in polygons {
        let corners = &polygon["corners"];
        for (name, key, tolerance) in [
            ("norm", "norm", 1e-7),
            ("bias", "bias", 1e-7),
            ("loss", "loss", 1e-12),
            ("negative eigenvalues", "negative_eigenvalues", 0.0),
        ] {
            let name = format!("{corners}-gon: {name}");
            let check = row.checks.iter().find(|check| check.name == name);
            let measured = check.expect(&name).measured.unwrap();
            let expected = golden::number(golden::field(polygon, key));
            assert_close(measured, expected, Tolerance::absolute(tolerance));
        }
    }
}

#[test]
fn ids_are_unique_and_every_definition_says_what_it_is() {
    let ids: Vec<&str> = experiments().map(|x| x.definition.id).collect();
    let mut sorted = ids.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), ids.len());
    for experiment in experiments() {
        let definition = experiment.definition;
        for text in [
            definition.claim,
            definition.source,
            definition.section,
            definition.config,
            definition.measured,
        ] {
            assert!(
                !text.is_empty() && !text.ends_with('.'),
                "{}",
                definition.id
            );
        }
    }
    let list = experiments_report(
        &experiments().collect::<Vec<_>>(),
        Preset::Standard,
        &TextStyle::default(),
    );
    assert!(ids.iter().all(|id| list.contains(id)));
}

#[test]
fn a_row_without_a_failing_control_does_not_pass() {
    let check = |measured: f64| {
        let expected = Expected::Equals {
            value: 1.0,
            tolerance: 0.1,
        };
        Check::new("one", measured, Precision::Exact, expected, "by hand")
    };
    let findings = |checks: &[f64], controls: &[f64]| {
        let mut findings = Findings::new(Verdict::Agrees);
        checks.iter().for_each(|&x| findings.check(check(x)));
        for &x in controls {
            findings.control("another", check(x));
        }
        findings.pass()
    };
    assert!(findings(&[1.0, 1.05], &[2.0]));
    assert!(!findings(&[1.0, 1.2], &[2.0]), "a check failed");
    assert!(!findings(&[1.0], &[2.0, 1.0]), "a control held");
    assert!(!findings(&[1.0], &[]) && !findings(&[], &[2.0]));
    let count = Expected::Equals {
        value: 3.0,
        tolerance: 0.0,
    };
    let counted = Check::new("corners", 284.0, Precision::Exact, count, "by hand");
    assert_eq!(
        (counted.measured_text(), count.to_string()),
        ("284".to_owned(), "3".to_owned())
    );
    let published = check(1.0).with_published(1.25);
    assert_eq!(published.measured_text(), "1.00000");
    assert_eq!(published.published, Some(1.25));
    let undefined = check(f64::NAN);
    assert!(!undefined.holds && undefined.measured.is_none());
    assert!(!check(f64::INFINITY).holds);
    for (expected, inside, outside) in [
        (Expected::AtMost { value: 1.0 }, 1.0, 1.1),
        (Expected::AtLeast { value: 1.0 }, 1.0, 0.9),
        (
            Expected::Between {
                low: 1.0,
                high: 2.0,
            },
            2.0,
            2.1,
        ),
    ] {
        assert!(expected.accepts(inside) && !expected.accepts(outside));
    }
}

#[test]
fn unknown_ids_are_refused_with_near_ones() {
    let error = select(&["X3", "X333"]).unwrap_err().to_string();
    assert!(error.contains("X333") && error.contains("X3,"), "{error}");
    assert!(select(&[""]).is_err());
    assert!(select(&["ä"]).is_err());
    assert_eq!(
        select(&["X3", "x3", "X"]).unwrap().len(),
        select(&["x"]).unwrap().len()
    );
}

#[test]
fn an_observer_stops_an_experiment() {
    let stop = Context::new(Preset::Quick, NonZeroUsize::MIN, &|fraction| {
        if fraction > 0.4 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    let stopped = select(&["X3"]).unwrap()[0].reproduce(&stop);
    assert!(matches!(stopped, Err(LabError::Cancelled)));
}

#[test]
fn a_folder_keeps_finished_rows_and_refuses_others() {
    let temporary = tempfile::tempdir().unwrap();
    let path = temporary.path().join("results");
    let experiment = select(&["X3"]).unwrap()[0];
    let reproduced = experiment.reproduce(&context()).unwrap();

    let folder = ResultFolder::open(&path, Preset::Quick, &[], Overwrite::Refuse).unwrap();
    assert!(folder.finished("X3").is_none());
    folder.write(&reproduced).unwrap();
    for figure in &reproduced.figures {
        assert!(path.join(&figure.file).is_file());
    }
    let again = ResultFolder::open(&path, Preset::Quick, &[], Overwrite::Refuse).unwrap();
    assert_eq!(again.finished("X3"), Some(&reproduced.row));

    // Another preset, version or definition is refused, and what is no row too.
    let other = ResultFolder::open(&path, Preset::Full, &[], Overwrite::Refuse).unwrap_err();
    assert!(other.to_string().contains("quick preset"), "{other}");
    let file = path.join("X3.json");
    let json = std::fs::read_to_string(&file).unwrap();
    let version = format!("\"version\": \"{}\"", env!("CARGO_PKG_VERSION"));
    for (from, to, said) in [
        (version.as_str(), "\"version\": \"0.0.0\"", "version 0.0.0"),
        ("Thomson problem", "puzzle", "defined otherwise"),
        ("\"rows\"", "\"lines\"", "no row of this program"),
    ] {
        assert!(json.contains(from), "{from}");
        std::fs::write(&file, json.replace(from, to)).unwrap();
        let error = ResultFolder::open(&path, Preset::Quick, &[], Overwrite::Refuse).unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
    }
    // To be replaced, those that are asked for go, and nothing counts as finished.
    for (asked, goes) in [("X4", false), ("X3", true)] {
        let replaced =
            ResultFolder::open(&path, Preset::Quick, &[asked], Overwrite::Replace).unwrap();
        assert!(replaced.finished("X3").is_none());
        assert_eq!(!file.exists(), goes);
    }

    // A folder of something else is not taken.
    let foreign = temporary.path().join("foreign");
    std::fs::create_dir(&foreign).unwrap();
    std::fs::write(foreign.join("thesis.tex"), "...").unwrap();
    assert!(ResultFolder::open(&foreign, Preset::Quick, &[], Overwrite::Refuse).is_err());
}
