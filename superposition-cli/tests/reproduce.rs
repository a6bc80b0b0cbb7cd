//! `superposition reproduce` as a user has it.

mod support;

use support::Folder;

#[test]
fn results_are_printed_kept_and_taken_again() {
    let folder = Folder::new();
    let line = "reproduce X3 x4 --quick --out out --page PAGE.md --commit abc";
    let run = folder.run(line).succeeds();
    for word in ["X3", "pentagon", "must fail", "2 of 2 results pass"] {
        assert!(run.stdout.contains(word), "{word}: {}", run.stdout);
    }
    let page = std::fs::read_to_string(folder.path("PAGE.md")).unwrap();
    assert!(page.contains("Commit: abc") && page.contains("Machine: "));

    let again = folder.run(&format!("{line} --json")).succeeds();
    assert!(again.stderr.contains("X3 is finished already"));
    let document = again.json();
    assert_eq!(document["rows"].as_array().unwrap().len(), 2);
    assert_eq!(document["passes"], true);
    assert_eq!(document["commit"], "abc");
    assert!(document["rows"][0]["seconds"].is_number());

    // Only what is asked for is taken again.
    let forced = folder
        .run("reproduce X3 --quick --out out --force")
        .succeeds();
    assert!(!forced.stderr.contains("finished already"));
    let both = folder.run(line).succeeds();
    for id in ["X3", "X4"] {
        let finished = format!("{id} is finished already");
        assert!(both.stderr.contains(&finished), "{id}: {}", both.stderr);
    }

    folder
        .run("reproduce X3 --full --out out")
        .fails(1, &["quick preset", "X3.json", "--force"]);
    folder.write("mine.md", b"mine");
    folder
        .run("reproduce X3 --page mine.md")
        .fails(1, &["mine.md", "--force"]);
    let list = folder.run("reproduce --list").succeeds();
    assert!(list.stdout.contains("X4"));
}

#[test]
fn what_cannot_be_is_refused() {
    let folder = Folder::new();
    folder.run("reproduce").fails(2, &["--all", "--list"]);
    folder.run("reproduce X333").fails(2, &["X333", "X3"]);
    folder
        .run("reproduce --quick --full X3")
        .fails(2, &["--full"]);
    folder.run("reproduce --all X3").fails(2, &["--all"]);
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_what_is_finished_and_the_same_command_goes_on() {
    use std::io::{BufRead as _, BufReader, Read as _};
    use std::process::{Command, Stdio};

    let folder = Folder::new();
    let line = "reproduce X3 X5 --quick --out out";
    let mut child = folder
        .command(line)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("X3 passes") {
        assert!(stderr.read_line(&mut said).unwrap() > 0, "{said}");
    }
    let killed = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    stderr.read_to_string(&mut said).unwrap();
    let mut run = support::Run::of(line, child.wait_with_output().unwrap());
    run.stderr = said;
    run.fails(75, &["1 of 2 results were finished", "out"]);
    assert!(folder.path("out/X3.json").exists());
    assert!(!folder.path("out/X5.json").exists());
    let again = folder.run("reproduce X3 --quick --out out").succeeds();
    assert!(again.stderr.contains("X3 is finished already"));
}
