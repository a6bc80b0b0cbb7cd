//! Ctrl-C and `--resume` as a user has them: real signals to the binary.

#![cfg(unix)]

mod support;

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use support::{Folder, Run};

/// Long enough to be stopped on the way, short enough to be finished here. Not a multiple of the
/// distance of history rows.
const LONG: &str = "--n-features 8 --n-hidden 3 --steps 150050 --batch-size 64 --sparsity 0.8";

fn signal(child: &Child) {
    let killed = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
}

/// Runs a command line and sends Ctrl-C when the first tenth of the steps is reported.
fn interrupted(folder: &Folder, line: &str) -> Run {
    interrupt(folder.command(line), line)
}

fn interrupt(mut command: Command, line: &str) -> Run {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    stderr.read_line(&mut said).unwrap();
    assert!(said.contains("training"), "{line}: {said}");
    signal(&child);
    stderr.read_to_string(&mut said).unwrap();
    let mut run = Run::of(line, child.wait_with_output().unwrap());
    run.stderr = said;
    run
}

fn read(folder: &Folder, name: &str) -> Vec<u8> {
    std::fs::read(folder.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn names(path: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(path).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The command line that an interrupted run says to go on with, without the program.
fn said_to_go_on(run: &Run) -> String {
    let line = run.stderr.lines().last().unwrap().trim();
    let (_, arguments) = line.split_once(' ').unwrap();
    assert!(arguments.ends_with(" --resume"), "{}", run.stderr);
    arguments.to_owned()
}

#[test]
fn explore_goes_on_after_ctrl_c_as_if_nothing_had_been() {
    let folder = Folder::new();
    folder
        .run(&format!("explore {LONG} --quiet --out whole"))
        .succeeds();
    let line = format!("explore {LONG} --threads 1 --out part");
    let run = interrupted(&folder, &line).fails(75, &["stopped after step", "150050", "--resume"]);
    assert_eq!(
        names(&folder.path("part")),
        ["checkpoint.safetensors", "history.csv"]
    );
    // What was saved has a geometry like any other model.
    let document = folder
        .run("analyze part/checkpoint.safetensors --json")
        .succeeds()
        .json();
    assert_eq!(document["n_features"], 8);
    assert_eq!(document["min_norm"], 0.5);

    // Nothing but --resume and --force gets past it, and a resumed training is the same training.
    let checkpoint = read(&folder, "part/checkpoint.safetensors");
    folder
        .run(&format!("{line} --quiet"))
        .fails(1, &["checkpoint.safetensors", "--resume", "--force"]);
    folder
        .run(&format!("{line} --quiet --seed 1 --resume"))
        .fails(2, &["train.seed is 0 there and 1 here"]);
    folder
        .run(&format!("{line} --quiet --lr 0.01 --resume"))
        .fails(
            2,
            &["train.adam.learning_rate is 0.001 there and 0.01 here"],
        );
    assert_eq!(read(&folder, "part/checkpoint.safetensors"), checkpoint);

    // Interrupted again, on other threads and another kernel, and gone on with.
    let again = interrupted(&folder, &format!("{line} --kernel scalar --resume"));
    let again = again.fails(75, &["stopped after step"]);
    assert_ne!(read(&folder, "part/checkpoint.safetensors"), checkpoint);
    assert!(said_to_go_on(&run).starts_with("explore --n-features 8"));
    let last = folder.run(&said_to_go_on(&again)).succeeds();
    assert!(last.stdout.contains("150050"), "{}", last.stdout);
    assert_eq!(names(&folder.path("part")), names(&folder.path("whole")));
    for name in names(&folder.path("whole")) {
        let (part, whole) = (format!("part/{name}"), format!("whole/{name}"));
        assert!(
            read(&folder, &part) == read(&folder, &whole),
            "{name} differs"
        );
    }
}

#[test]
fn train_goes_on_after_ctrl_c_as_if_nothing_had_been() {
    let folder = Folder::new();
    folder
        .run(&format!(
            "train {LONG} --quiet --out a.safetensors --history a.csv"
        ))
        .succeeds();
    let line = format!("train {LONG} --out b.safetensors --history b.csv");
    let run = interrupted(&folder, &line).fails(75, &["b.checkpoint.safetensors"]);
    assert!(!folder.path("b.safetensors").exists());
    assert!(folder.path("b.csv").exists());
    folder
        .run(&format!("{line} --quiet"))
        .fails(1, &["b.checkpoint.safetensors", "--resume", "--force"]);
    // Another model in the same folder is not concerned.
    folder
        .run("train --n-features 4 --n-hidden 2 --steps 5 --quiet --out c.safetensors")
        .succeeds();
    // A history that is not of this training is not replaced.
    let elsewhere = line.replace("b.csv", "a.csv");
    folder
        .run(&format!("{elsewhere} --quiet --resume"))
        .fails(1, &["a.csv", "exists"]);

    folder.run(&said_to_go_on(&run)).succeeds();
    assert!(!folder.path("b.checkpoint.safetensors").exists());
    assert!(read(&folder, "a.safetensors") == read(&folder, "b.safetensors"));
    assert!(read(&folder, "a.csv") == read(&folder, "b.csv"));
}

#[test]
fn force_gives_a_stopped_training_up() {
    let folder = Folder::new();
    folder
        .run("explore --resume --quiet")
        .fails(1, &["checkpoint.safetensors", "leave out --resume"]);
    assert!(!folder.path("superposition-out").exists());
    interrupted(&folder, &format!("explore {LONG}")).fails(75, &[]);
    let other = "explore --n-features 6 --n-hidden 2 --steps 20 --quiet --force";
    folder.run(other).succeeds();
    let out = folder.path("superposition-out");
    assert!(!out.join("checkpoint.safetensors").exists());
    assert!(out.join("report.txt").exists());
    // An interrupted run that replaces another leaves nothing of it.
    interrupted(&folder, &format!("explore {LONG} --force")).fails(75, &["--force --resume"]);
    assert_eq!(names(&out), ["checkpoint.safetensors", "history.csv"]);
    std::fs::write(out.join("checkpoint.safetensors"), b"broken").unwrap();
    folder
        .run(&format!("explore {LONG} --quiet --resume"))
        .fails(1, &["cannot go on from"]);
}

#[test]
fn a_folder_whose_name_is_no_unicode_is_as_good_as_any() {
    use std::os::unix::ffi::OsStrExt as _;

    let folder = Folder::new();
    let out = std::ffi::OsStr::from_bytes(b"out \xff");
    let command = |more: &str| {
        let mut command = folder.command(&format!("explore {LONG} {more} --out"));
        command.arg(out);
        command
    };
    interrupt(command(""), "explore").fails(75, &["--resume"]);
    let resumed = command("--resume --quiet").output().unwrap();
    Run::of("explore --resume", resumed).succeeds();
}

#[test]
fn a_second_ctrl_c_ends_at_once() {
    let folder = Folder::new();
    // A step of minutes: nothing looks at the first one.
    let mut child = folder
        .command("explore --n-features 8 --n-hidden 3 --batch-size 4000000000 --quiet")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_until_it_listens(&mut child);
    signal(&child);
    std::thread::sleep(Duration::from_millis(300));
    assert!(
        child.try_wait().unwrap().is_none(),
        "the first one waits for the step"
    );
    signal(&child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(names(&folder.path("superposition-out")).is_empty());
}

/// Until the process catches SIGINT, as its entry in /proc says; a while where there is none.
fn wait_until_it_listens(child: &mut Child) {
    let path = format!("/proc/{}/status", child.id());
    for _ in 0..1_000 {
        std::thread::sleep(Duration::from_millis(10));
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        let Ok(status) = std::fs::read_to_string(&path) else {
            std::thread::sleep(Duration::from_secs(2));
            return;
        };
        let caught = status
            .lines()
            .find_map(|line| line.strip_prefix("SigCgt:"))
            .expect("the entry says which signals are caught");
        let caught = u64::from_str_radix(caught.trim(), 16).unwrap();
        if caught & (1 << 1) != 0 {
            return;
        }
    }
    panic!("it never listened to Ctrl-C");
}
