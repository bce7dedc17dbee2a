//! The ways in which editors, version control, mounted volumes and people change a folder: each must come out as exactly
//! one settled set with the final content.

#![cfg(unix)]
#![allow(clippy::print_stdout, reason = "how long each took is worth a look")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use flespi_gitops::manifest;
use flespi_gitops::watch::files::{Files, Patience, Reading, Settled};

/// A second of quiet keeps a busy machine from making two sets of one change.
const PATIENT: Patience = Patience {
    quiet: Duration::from_millis(1000),
    gap: Duration::from_millis(200),
    ceiling: Duration::from_secs(8),
    writers: Duration::from_secs(20),
    rescan: Duration::from_secs(3600),
    polling: false,
};

/// What a set declares, in short.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Set {
    /// Limits and their number of devices.
    Good(BTreeMap<String, i64>),
    Invalid,
    Unknown,
}

fn good<const N: usize>(limits: [(&str, i64); N]) -> Set {
    Set::Good(limits.into_iter().map(|(name, devices)| (name.to_owned(), devices)).collect())
}

fn set_of(settled: &Settled) -> Option<Set> {
    Some(match &settled.reading {
        Reading::Nothing => return None,
        Reading::Unknown => Set::Unknown,
        Reading::Invalid(_) => Set::Invalid,
        Reading::Good(load) => Set::Good(
            load.desired
                .objects
                .values()
                .map(|d| {
                    (
                        d.address.name.to_string(),
                        d.fields.unpack()["devices_count"].as_i64().unwrap(),
                    )
                })
                .collect(),
        ),
    })
}

/// A folder, and the files in it watched.
struct Stage {
    folder: tempfile::TempDir,
    files: Option<Files>,
}

impl Stage {
    /// A folder arranged by `arrange`; nothing is watched yet.
    fn set(arrange: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        arrange(folder.path());
        Self { folder, files: None }
    }

    /// `manifests` with one limit.
    fn plain() -> Self {
        Self::set(|at| limit(&at.join("manifests/a.yaml"), "a", 1))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Watches `root` and waits for the first set.
    fn watch(mut self, root: &str, patience: Patience) -> Self {
        let roots = vec![self.path(root)];
        let paths = roots.clone();
        // Links lead to where a choreography wants them, which is beside the root, too.
        let options = manifest::Options { allow_outside: true, ..manifest::Options::default() };
        let load = Box::new(move || manifest::load_with(&paths, &options));
        self.files = Some(Files::watch(roots, true, patience, load).unwrap());
        self.wait(1);
        self
    }

    fn now(&self) -> Settled {
        self.files.as_ref().unwrap().settled().borrow().clone()
    }

    /// Waits for a settled set by its number.
    fn wait(&self, generation: u64) -> Settled {
        let began = Instant::now();
        loop {
            let settled = self.now();
            if settled.status.generation >= generation {
                return settled;
            }
            assert!(began.elapsed() < Duration::from_secs(40), "no set {generation}: {settled:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// After `act` there is exactly one more set, and it is `expected`.
    #[track_caller]
    fn comes_to(self, expected: &Set, act: impl FnOnce(&Path)) -> Self {
        let before = self.now().status.generation;
        act(self.folder.path());
        let changed = Instant::now();
        let settled = self.wait(before + 1);
        let took = changed.elapsed();
        std::thread::sleep(PATIENT.quiet + 2 * PATIENT.gap);
        assert_eq!(set_of(&settled).as_ref(), Some(expected));
        assert_eq!(self.now().status.generation, before + 1, "{:?}", set_of(&self.now()));
        println!("settled {} ms after the last change", took.as_millis());
        // An idle machine takes 1.3 s, of which 1.2 s are patience.
        assert!(took < Duration::from_secs(15), "{took:?}");
        self
    }

    /// After `act` there is no further set.
    #[track_caller]
    fn stands_still_under(self, act: impl FnOnce(&Path)) -> Self {
        let before = self.now().status.generation;
        act(self.folder.path());
        std::thread::sleep(3 * PATIENT.quiet);
        assert_eq!(self.now().status.generation, before, "{:?}", set_of(&self.now()));
        self
    }
}

fn text(name: &str, devices: i64) -> String {
    format!(
        "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {{name: {name}}}\nspec: {{devices_count: {devices}}}\n"
    )
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn limit(path: &Path, name: &str, devices: i64) {
    write(path, &text(name, devices));
}

fn a_moment() {
    std::thread::sleep(Duration::from_millis(30));
}

fn git(at: &Path, arguments: &[&str]) {
    let status = Command::new("git")
        .args([
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@example.com",
            "-c",
            "init.defaultBranch=main",
        ])
        .args(["-c", "advice.detachedHead=false"])
        .args(arguments)
        .current_dir(at)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("HOME", at)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "git {arguments:?}");
}

// Editors.

#[test]
fn an_editor_writes_in_place() {
    Stage::plain().watch("manifests", PATIENT).comes_to(&good([("a", 2)]), |at| {
        limit(&at.join("manifests/a.yaml"), "a", 2);
    });
}

#[test]
fn an_editor_writes_beside_and_renames_over() {
    Stage::plain().watch("manifests", PATIENT).comes_to(&good([("a", 2)]), |at| {
        limit(&at.join("manifests/.a.yaml.tmp"), "a", 2);
        fs::rename(at.join("manifests/.a.yaml.tmp"), at.join("manifests/a.yaml")).unwrap();
    });
}

#[test]
fn an_editor_renames_over_twice() {
    let stage = Stage::plain().watch("manifests", PATIENT);
    let save = |devices| {
        move |at: &Path| {
            limit(&at.join("manifests/a.yaml~new"), "a", devices);
            fs::rename(at.join("manifests/a.yaml~new"), at.join("manifests/a.yaml")).unwrap();
        }
    };
    stage.comes_to(&good([("a", 2)]), save(2)).comes_to(&good([("a", 3)]), save(3));
}

#[test]
fn vim_dances_with_a_backup() {
    Stage::plain().watch("manifests", PATIENT).comes_to(&good([("a", 2)]), |at| {
        let file = at.join("manifests/a.yaml");
        write(&at.join("manifests/.a.yaml.swp"), "swap");
        write(&at.join("manifests/4913"), "");
        fs::remove_file(at.join("manifests/4913")).unwrap();
        fs::rename(&file, at.join("manifests/a.yaml~")).unwrap();
        a_moment();
        limit(&file, "a", 2);
        fs::remove_file(at.join("manifests/a.yaml~")).unwrap();
        fs::remove_file(at.join("manifests/.a.yaml.swp")).unwrap();
    });
}

#[test]
fn emacs_leaves_a_lock_that_leads_nowhere() {
    Stage::plain()
        .watch("manifests", PATIENT)
        .stands_still_under(|at| {
            symlink("somebody@host.4711:1", at.join("manifests/.#a.yaml")).unwrap();
            write(&at.join("manifests/#a.yaml#"), "autosave");
        })
        .comes_to(&good([("a", 2)]), |at| {
            fs::rename(at.join("manifests/a.yaml"), at.join("manifests/a.yaml~")).unwrap();
            limit(&at.join("manifests/a.yaml"), "a", 2);
            fs::remove_file(at.join("manifests/.#a.yaml")).unwrap();
        });
}

#[test]
fn a_slow_writer_is_waited_for_as_long_as_it_has_the_file_open() {
    Stage::plain().watch("manifests", PATIENT).comes_to(
        &good([("a", 1), ("b", 5), ("c", 6)]),
        |at| {
            let mut file = fs::File::create(at.join("manifests/b.yaml")).unwrap();
            file.write_all(text("b", 5).as_bytes()).unwrap();
            // What is there by now is a valid set, and not the one that is meant.
            std::thread::sleep(PATIENT.quiet * 2);
            file.write_all(format!("---\n{}", text("c", 6)).as_bytes()).unwrap();
        },
    );
}

#[test]
fn a_truncated_file_is_filled_in_small_pieces() {
    Stage::plain().watch("manifests", PATIENT).comes_to(&good([("a", 2)]), |at| {
        let mut file = fs::File::create(at.join("manifests/a.yaml")).unwrap();
        for piece in text("a", 2).as_bytes().chunks(7) {
            file.write_all(piece).unwrap();
            a_moment();
        }
    });
}

#[test]
fn a_file_is_appended_to_in_pieces_and_closed_each_time() {
    Stage::plain().watch("manifests", PATIENT).comes_to(
        &good([("a", 1), ("b", 2), ("c", 3)]),
        |at| {
            for (name, devices) in [("b", 2), ("c", 3)] {
                let file = fs::File::options().append(true).open(at.join("manifests/a.yaml"));
                write!(file.unwrap(), "---\n{}", text(name, devices)).unwrap();
                a_moment();
            }
        },
    );
}

#[test]
fn a_save_without_a_change_is_none() {
    Stage::plain().watch("manifests", PATIENT).stands_still_under(|at| {
        limit(&at.join("manifests/a.yaml"), "a", 1);
        let file = fs::File::options().write(true).open(at.join("manifests/a.yaml")).unwrap();
        file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    });
}

#[test]
fn a_change_that_is_taken_back_at_once_is_none() {
    Stage::plain().watch("manifests", PATIENT).stands_still_under(|at| {
        limit(&at.join("manifests/a.yaml"), "a", 2);
        a_moment();
        limit(&at.join("manifests/a.yaml"), "a", 1);
    });
}

#[test]
fn what_is_no_manifest_changes_nothing() {
    Stage::plain().watch("manifests", PATIENT).stands_still_under(|at| {
        write(&at.join("manifests/out/key.txt"), "delivered");
        write(&at.join("manifests/README.md"), "text");
        write(&at.join("manifests/.git/index"), "git");
        write(&at.join("manifests/.flespi-gitops/sandbox/state.yaml"), "state");
    });
}

// Files and folders that come and go.

#[test]
fn a_new_file() {
    Stage::plain().watch("manifests", PATIENT).comes_to(&good([("a", 1), ("b", 2)]), |at| {
        limit(&at.join("manifests/b.yml"), "b", 2);
    });
}

#[test]
fn a_removed_file() {
    let stage = Stage::set(|at| {
        limit(&at.join("manifests/a.yaml"), "a", 1);
        limit(&at.join("manifests/b.yaml"), "b", 2);
    });
    stage.watch("manifests", PATIENT).comes_to(&good([("b", 2)]), |at| {
        fs::remove_file(at.join("manifests/a.yaml")).unwrap();
    });
}

#[test]
fn a_file_moves_to_another_folder() {
    let stage = Stage::plain().watch("manifests", PATIENT);
    stage.comes_to(&good([("a", 1)]), |at| {
        fs::create_dir(at.join("manifests/deep")).unwrap();
        fs::rename(at.join("manifests/a.yaml"), at.join("manifests/deep/a.yaml")).unwrap();
    });
}

#[test]
fn deep_folders_appear_with_a_file_at_once() {
    let stage = Stage::plain().watch("manifests", PATIENT);
    stage
        .comes_to(&good([("a", 1), ("b", 2)]), |at| {
            limit(&at.join("manifests/one/two/three/b.yaml"), "b", 2);
        })
        .comes_to(&good([("a", 1), ("b", 3)]), |at| {
            limit(&at.join("manifests/one/two/three/b.yaml"), "b", 3);
        });
}

#[test]
fn a_folder_is_moved_in_and_changed_there() {
    let stage = Stage::set(|at| {
        limit(&at.join("manifests/a.yaml"), "a", 1);
        limit(&at.join("elsewhere/b.yaml"), "b", 2);
    });
    stage
        .watch("manifests", PATIENT)
        .comes_to(&good([("a", 1), ("b", 2)]), |at| {
            fs::rename(at.join("elsewhere"), at.join("manifests/in")).unwrap();
        })
        .comes_to(&good([("a", 1), ("b", 3)]), |at| {
            limit(&at.join("manifests/in/b.yaml"), "b", 3);
        });
}

#[test]
fn a_folder_is_moved_out_and_no_longer_listened_to() {
    let stage = Stage::set(|at| {
        limit(&at.join("manifests/a.yaml"), "a", 1);
        limit(&at.join("manifests/in/b.yaml"), "b", 2);
    });
    stage
        .watch("manifests", PATIENT)
        .comes_to(&good([("a", 1)]), |at| {
            fs::rename(at.join("manifests/in"), at.join("out")).unwrap();
        })
        .stands_still_under(|at| limit(&at.join("out/b.yaml"), "b", 3));
}

#[test]
fn a_folder_is_removed_and_made_again() {
    let stage = Stage::set(|at| {
        limit(&at.join("manifests/a.yaml"), "a", 1);
        limit(&at.join("manifests/in/b.yaml"), "b", 2);
    });
    stage
        .watch("manifests", PATIENT)
        .comes_to(&good([("a", 1), ("b", 3)]), |at| {
            fs::remove_dir_all(at.join("manifests/in")).unwrap();
            limit(&at.join("manifests/in/b.yaml"), "b", 3);
        })
        .comes_to(&good([("a", 1), ("b", 4)]), |at| {
            limit(&at.join("manifests/in/b.yaml"), "b", 4);
        });
}

#[test]
fn a_folder_is_renamed() {
    let stage = Stage::set(|at| {
        limit(&at.join("manifests/a.yaml"), "a", 1);
        limit(&at.join("manifests/old/b.yaml"), "b", 2);
    });
    stage
        .watch("manifests", PATIENT)
        .comes_to(&good([("a", 1), ("b", 2)]), |at| {
            fs::rename(at.join("manifests/old"), at.join("manifests/new")).unwrap();
        })
        .comes_to(&good([("a", 1), ("b", 3)]), |at| {
            limit(&at.join("manifests/new/b.yaml"), "b", 3);
        });
}

#[test]
fn two_files_swap_their_names() {
    let stage = Stage::set(|at| {
        limit(&at.join("manifests/a.yaml"), "a", 1);
        limit(&at.join("manifests/b.yaml"), "b", 2);
    });
    stage.watch("manifests", PATIENT).comes_to(&good([("a", 1), ("b", 2)]), |at| {
        let (a, b, c) =
            (at.join("manifests/a.yaml"), at.join("manifests/b.yaml"), at.join("manifests/c"));
        fs::rename(&a, &c).unwrap();
        fs::rename(&b, &a).unwrap();
        fs::rename(&c, &b).unwrap();
    });
}

#[test]
fn a_single_file_is_the_root_and_is_renamed_over() {
    let stage = Stage::plain().watch("manifests/a.yaml", PATIENT);
    let save = |devices| {
        move |at: &Path| {
            limit(&at.join("manifests/new"), "a", devices);
            fs::rename(at.join("manifests/new"), at.join("manifests/a.yaml")).unwrap();
        }
    };
    stage
        .comes_to(&good([("a", 2)]), save(2))
        .comes_to(&good([("a", 3)]), save(3))
        .stands_still_under(|at| limit(&at.join("manifests/other.yaml"), "other", 1));
}

// Roots that vanish.

#[test]
fn a_removed_root_is_unknown_and_comes_back() {
    let stage = Stage::plain().watch("manifests", PATIENT);
    stage
        .comes_to(&Set::Unknown, |at| fs::remove_dir_all(at.join("manifests")).unwrap())
        .comes_to(&good([("a", 2)]), |at| limit(&at.join("manifests/a.yaml"), "a", 2))
        .comes_to(&good([("a", 3)]), |at| limit(&at.join("manifests/a.yaml"), "a", 3));
}

#[test]
fn a_root_is_moved_away_and_another_takes_its_place() {
    let stage = Stage::set(|at| {
        limit(&at.join("manifests/a.yaml"), "a", 1);
        limit(&at.join("next/a.yaml"), "a", 2);
    });
    stage
        .watch("manifests", PATIENT)
        .comes_to(&good([("a", 2)]), |at| {
            fs::rename(at.join("manifests"), at.join("old")).unwrap();
            fs::rename(at.join("next"), at.join("manifests")).unwrap();
        })
        .comes_to(&good([("a", 3)]), |at| limit(&at.join("manifests/a.yaml"), "a", 3))
        .stands_still_under(|at| limit(&at.join("old/a.yaml"), "a", 9));
}

#[test]
fn a_root_is_emptied_as_by_an_unmounted_volume() {
    let stage = Stage::plain().watch("manifests", PATIENT);
    stage
        .comes_to(&Set::Invalid, |at| fs::remove_file(at.join("manifests/a.yaml")).unwrap())
        .comes_to(&good([("a", 2)]), |at| limit(&at.join("manifests/a.yaml"), "a", 2));
}

#[test]
fn the_folders_above_a_root_vanish_and_come_back() {
    let stage = Stage::set(|at| limit(&at.join("one/two/manifests/a.yaml"), "a", 1));
    stage
        .watch("one/two/manifests", PATIENT)
        .comes_to(&Set::Unknown, |at| fs::remove_dir_all(at.join("one")).unwrap())
        .comes_to(&good([("a", 2)]), |at| {
            limit(&at.join("one/two/manifests/a.yaml"), "a", 2);
        });
}

// Links.

#[test]
fn a_config_map_is_swapped_again_and_again() {
    let generation = |at: &Path, number: i64| {
        let root = at.join("manifests");
        let old = fs::read_link(root.join("..data")).ok();
        let new = format!("..2026_{number}");
        limit(&root.join(&new).join("a.yaml"), "a", number);
        symlink(&new, root.join("..data_tmp")).unwrap();
        fs::rename(root.join("..data_tmp"), root.join("..data")).unwrap();
        if let Some(old) = old {
            fs::remove_dir_all(root.join(old)).unwrap();
        }
    };
    let stage = Stage::set(|at| {
        generation(at, 1);
        symlink("..data/a.yaml", at.join("manifests/a.yaml")).unwrap();
    });
    let mut stage = stage.watch("manifests", PATIENT);
    for number in 2..5 {
        stage = stage.comes_to(&good([("a", number)]), |at| generation(at, number));
    }
    assert_eq!(stage.now().status.folders_watched, 2);
}

#[test]
fn git_sync_swaps_the_work_tree_behind_the_root() {
    let worktree = |at: &Path, number: i64| {
        let old = fs::read_link(at.join("git/repo")).ok();
        limit(&at.join(format!("git/.worktrees/{number}/accounts/a.yaml")), "a", number);
        symlink(format!(".worktrees/{number}"), at.join("git/tmp-link")).unwrap();
        fs::rename(at.join("git/tmp-link"), at.join("git/repo")).unwrap();
        if let Some(old) = old {
            fs::remove_dir_all(at.join("git").join(old)).unwrap();
        }
    };
    let stage = Stage::set(|at| worktree(at, 1));
    let mut stage = stage.watch("git/repo/accounts", PATIENT);
    for number in 2..5 {
        stage = stage.comes_to(&good([("a", number)]), |at| worktree(at, number));
    }
}

#[test]
fn the_target_of_a_link_changes_where_it_is() {
    let stage = Stage::set(|at| {
        limit(&at.join("far/target.yaml"), "a", 1);
        fs::create_dir(at.join("manifests")).unwrap();
        symlink(at.join("far/target.yaml"), at.join("manifests/a.yaml")).unwrap();
    });
    stage
        .watch("manifests", PATIENT)
        .comes_to(&good([("a", 2)]), |at| limit(&at.join("far/target.yaml"), "a", 2))
        .comes_to(&good([("a", 3)]), |at| {
            limit(&at.join("far/new"), "a", 3);
            fs::rename(at.join("far/new"), at.join("far/target.yaml")).unwrap();
        });
}

#[test]
fn a_linked_folder_changes_where_it_is() {
    let stage = Stage::set(|at| {
        limit(&at.join("far/a.yaml"), "a", 1);
        fs::create_dir(at.join("manifests")).unwrap();
        symlink("../far", at.join("manifests/in")).unwrap();
    });
    stage.watch("manifests", PATIENT).comes_to(&good([("a", 1), ("b", 2)]), |at| {
        limit(&at.join("far/deep/b.yaml"), "b", 2);
    });
}

#[test]
fn a_link_is_pointed_elsewhere() {
    let stage = Stage::set(|at| {
        limit(&at.join("one/a.yaml"), "a", 1);
        limit(&at.join("two/a.yaml"), "a", 2);
        fs::create_dir(at.join("manifests")).unwrap();
        symlink("../one", at.join("manifests/in")).unwrap();
    });
    stage
        .watch("manifests", PATIENT)
        .comes_to(&good([("a", 2)]), |at| {
            fs::remove_file(at.join("manifests/in")).unwrap();
            symlink("../two", at.join("manifests/in")).unwrap();
        })
        .stands_still_under(|at| limit(&at.join("one/a.yaml"), "a", 9))
        .comes_to(&good([("a", 3)]), |at| limit(&at.join("two/a.yaml"), "a", 3));
}

#[test]
fn a_chain_of_links_is_cut_in_the_middle() {
    let stage = Stage::set(|at| {
        limit(&at.join("x/one.yaml"), "a", 1);
        limit(&at.join("x/two.yaml"), "a", 2);
        for folder in ["manifests", "y"] {
            fs::create_dir(at.join(folder)).unwrap();
        }
        symlink("../x/one.yaml", at.join("y/current")).unwrap();
        symlink("../y/current", at.join("manifests/a.yaml")).unwrap();
    });
    stage.watch("manifests", PATIENT).comes_to(&good([("a", 2)]), |at| {
        symlink("../x/two.yaml", at.join("y/next")).unwrap();
        fs::rename(at.join("y/next"), at.join("y/current")).unwrap();
    });
}

#[test]
fn a_link_dangles_and_its_target_appears() {
    let stage = Stage::plain().watch("manifests", PATIENT);
    stage
        .comes_to(&Set::Invalid, |at| {
            symlink("../later/b.yaml", at.join("manifests/b.yaml")).unwrap();
        })
        .comes_to(&good([("a", 1), ("b", 2)]), |at| {
            limit(&at.join("later/b.yaml"), "b", 2);
        });
}

#[test]
fn a_loop_of_links_is_told_and_untied() {
    let stage = Stage::plain().watch("manifests", PATIENT);
    stage.comes_to(&Set::Invalid, |at| symlink(".", at.join("manifests/loop")).unwrap()).comes_to(
        &good([("a", 1)]),
        |at| {
            fs::remove_file(at.join("manifests/loop")).unwrap();
        },
    );
}

#[test]
fn the_root_is_a_link_that_dangles_for_a_while() {
    let stage = Stage::set(|at| {
        limit(&at.join("one/a.yaml"), "a", 1);
        symlink("one", at.join("manifests")).unwrap();
    });
    stage
        .watch("manifests", PATIENT)
        .comes_to(&Set::Unknown, |at| fs::remove_dir_all(at.join("one")).unwrap())
        .comes_to(&good([("a", 2)]), |at| limit(&at.join("one/a.yaml"), "a", 2));
}

// Programs that change many files.

/// A repository with the branches `main` (50 limits with 1) and `next` (40 of them with 2).
fn repository(at: &Path) {
    git(at, &["init", "-q", "."]);
    for number in 0..50 {
        limit(&at.join(format!("l{number}.yaml")), &format!("l{number}"), 1);
    }
    git(at, &["add", "."]);
    git(at, &["commit", "-qm", "one"]);
    git(at, &["checkout", "-qb", "next"]);
    for number in 0..50 {
        limit(&at.join(format!("l{number}.yaml")), &format!("l{number}"), 2);
    }
    for number in 40..50 {
        fs::remove_file(at.join(format!("l{number}.yaml"))).unwrap();
    }
    git(at, &["commit", "-qam", "two"]);
    git(at, &["checkout", "-q", "main"]);
}

fn limits(count: i64, devices: i64) -> Set {
    Set::Good((0..count).map(|number| (format!("l{number}"), devices)).collect())
}

#[test]
fn git_checks_out_another_branch_and_back() {
    let stage = Stage::set(|at| {
        fs::create_dir(at.join("manifests")).unwrap();
        repository(&at.join("manifests"));
    });
    stage
        .watch("manifests", PATIENT)
        .comes_to(&limits(40, 2), |at| git(&at.join("manifests"), &["checkout", "-q", "next"]))
        .comes_to(&limits(50, 1), |at| git(&at.join("manifests"), &["checkout", "-q", "main"]));
}

#[test]
fn git_pulls() {
    let stage = Stage::set(|at| {
        fs::create_dir(at.join("upstream")).unwrap();
        repository(&at.join("upstream"));
        git(at, &["clone", "-q", "upstream", "manifests"]);
    });
    stage.watch("manifests", PATIENT).comes_to(&limits(40, 2), |at| {
        git(&at.join("manifests"), &["pull", "-q", "--ff-only", "origin", "next"]);
    });
}

#[test]
fn git_resets_and_stashes() {
    let stage = Stage::set(|at| {
        fs::create_dir(at.join("manifests")).unwrap();
        repository(&at.join("manifests"));
    });
    stage
        .watch("manifests", PATIENT)
        .comes_to(&limits(40, 2), |at| {
            git(&at.join("manifests"), &["reset", "-q", "--hard", "next"])
        })
        .stands_still_under(|at| {
            limit(&at.join("manifests/l0.yaml"), "l0", 7);
            git(&at.join("manifests"), &["stash", "-q"]);
        });
}

#[test]
fn a_checkout_under_way_is_waited_for() {
    let stage = Stage::set(|at| {
        limit(&at.join("repo/manifests/a.yaml"), "a", 1);
        git(&at.join("repo"), &["init", "-q", "."]);
    });
    stage.watch("repo/manifests", PATIENT).comes_to(&good([("a", 2), ("b", 3)]), |at| {
        write(&at.join("repo/.git/index.lock"), "");
        limit(&at.join("repo/manifests/a.yaml"), "a", 2);
        std::thread::sleep(PATIENT.quiet * 2);
        limit(&at.join("repo/manifests/b.yaml"), "b", 3);
        fs::remove_file(at.join("repo/.git/index.lock")).unwrap();
    });
}

#[test]
fn rsync_replaces_files_one_by_one() {
    Stage::plain().watch("manifests", PATIENT).comes_to(
        &good([("a", 2), ("b", 2), ("c", 2)]),
        |at| {
            for name in ["a", "b", "c"] {
                let hidden = at.join(format!("manifests/.{name}.yaml.Xa3kP9"));
                let mut file = fs::File::create(&hidden).unwrap();
                for piece in text(name, 2).as_bytes().chunks(40) {
                    file.write_all(piece).unwrap();
                }
                drop(file);
                a_moment();
                fs::rename(&hidden, at.join(format!("manifests/{name}.yaml"))).unwrap();
            }
        },
    );
}

#[test]
fn an_archive_is_unpacked_over_the_folder() {
    let stage = Stage::set(|at| {
        limit(&at.join("manifests/a.yaml"), "a", 1);
        for number in 0..30 {
            let file = format!("packed/in/deep{number}/l{number}.yaml");
            limit(&at.join(file), &format!("l{number}"), 2);
        }
        tar(at, &["cf", "packed.tar", "-C", "packed", "."]);
        fs::remove_file(at.join("manifests/a.yaml")).unwrap();
        limit(&at.join("manifests/in/deep0/l0.yaml"), "l0", 1);
    });
    stage.watch("manifests", PATIENT).comes_to(&limits(30, 2), |at| {
        tar(at, &["xf", "packed.tar", "-C", "manifests"]);
    });
}

fn tar(at: &Path, arguments: &[&str]) {
    assert!(Command::new("tar").args(arguments).current_dir(at).status().unwrap().success());
}

#[test]
fn a_thousand_files_appear() {
    let stage = Stage::set(|at| limit(&at.join("manifests/l0.yaml"), "l0", 1));
    stage.watch("manifests", PATIENT).comes_to(&limits(1000, 1), |at| {
        for number in 0..1000 {
            let file = format!("manifests/d{}/l{number}.yaml", number % 20);
            let file = if number == 0 { "manifests/l0.yaml".to_owned() } else { file };
            limit(&at.join(file), &format!("l{number}"), 1);
        }
    });
}

#[test]
fn a_noisy_neighbour_does_not_keep_a_change_away_for_ever() {
    let stage = Stage::plain().watch("manifests", PATIENT);
    stage.comes_to(&good([("a", 2)]), |at| {
        limit(&at.join("manifests/a.yaml"), "a", 2);
        // Never quiet, until long after the ceiling.
        let log = at.join("manifests/log.txt");
        std::thread::spawn(move || {
            let began = Instant::now();
            while began.elapsed() < Duration::from_secs(14) {
                let _ = fs::write(&log, format!("{:?}", began.elapsed()));
                std::thread::sleep(Duration::from_millis(50));
            }
        });
    });
}

/// A template that makes a limit of every line of a table.
const TEMPLATE: &str = "\
apiVersion: flespi-gitops/v1
kind: Template
metadata: {name: limits}
spec:
  parameters: {name: {description: Its name}}
  for_each: {file: table.csv}
  manifests:
    - apiVersion: flespi-gitops/v1
      kind: Limit
      metadata: {name: '${name}'}
      spec: {devices_count: 1}
";

#[test]
fn the_table_of_a_template_is_part_of_the_set() {
    let stage = Stage::set(|at| {
        write(&at.join("manifests/template.yaml"), TEMPLATE);
        write(&at.join("manifests/table.csv"), "name\na\n");
    });
    stage
        .watch("manifests", PATIENT)
        .comes_to(&good([("a", 1), ("b", 1)]), |at| {
            write(&at.join("manifests/table.csv"), "name\na\nb\n");
        })
        .comes_to(&Set::Invalid, |at| fs::remove_file(at.join("manifests/table.csv")).unwrap())
        .comes_to(&good([("c", 1)]), |at| write(&at.join("manifests/table.csv"), "name\nc\n"));
}

// Network file systems: no events at all.

fn polling() -> Patience {
    Patience::polling(Duration::from_millis(500))
}

#[test]
fn without_events_a_change_is_found_by_polling() {
    let stage = Stage::plain().watch("manifests", polling());
    assert_eq!(stage.now().status.folders_watched, 0);
    stage
        .comes_to(&good([("a", 2)]), |at| limit(&at.join("manifests/a.yaml"), "a", 2))
        .comes_to(&good([("a", 2), ("b", 3)]), |at| limit(&at.join("manifests/x/b.yaml"), "b", 3))
        .comes_to(&Set::Unknown, |at| fs::remove_dir_all(at.join("manifests")).unwrap());
}

#[test]
fn without_events_a_change_that_hides_its_times_is_found() {
    let stage = Stage::plain().watch("manifests", polling());
    stage.comes_to(&good([("a", 2)]), |at| {
        let path = at.join("manifests/a.yaml");
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        limit(&path, "a", 2);
        fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    });
}

// Orders.

#[test]
fn a_look_finds_what_no_event_told() {
    let patience = Patience { polling: true, rescan: Duration::from_secs(3600), ..PATIENT };
    let stage = Stage::plain().watch("manifests", patience);
    limit(&stage.path("manifests/a.yaml"), "a", 2);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let files = stage.files.as_ref().unwrap();
    assert!(runtime.block_on(files.look(Duration::from_secs(30))));
    assert_eq!(set_of(&stage.now()), Some(good([("a", 2)])));
}
