//! What can happen to a repository while a daemon looks at it: each ends in the content that is there now, or in the last
//! good one, and never in nothing, in a mix, or in something that was executed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use flespi_gitops::git::{
    Access, Address, Checkout, Checkouts, Program, Reference, Wish, folder_for,
};
use flespi_gitops::manifest::{self, Tree};
use flespi_gitops::watch::files::Reading;
use flespi_gitops::watch::pull::Pull;

use crate::support::repository::{Repository, has_git};

/// A manifest of a limit with so many devices.
fn limit(devices: u32) -> String {
    format!(
        "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {{name: starter}}\nspec: {{devices_count: {devices}}}\n"
    )
}

/// Where manifests are, in the repositories of this page.
const FILE: &str = "accounts/limit.yaml";

/// What has to come of it.
#[derive(Debug, Clone, Copy)]
enum End {
    /// The set that is there now, with so many devices.
    Now(u32),
    /// The last good set, with so many devices, since the present one cannot be had: with these words.
    Kept(u32, &'static str),
    /// The last good set, since the present one has findings: with these words.
    Invalid(u32, &'static str),
}

use End::{Invalid, Kept, Now};

/// A repository, and somebody who looks at it.
struct Stage {
    repository: Repository,
    state: tempfile::TempDir,
    reference: &'static str,
    pull: Option<Pull>,
    /// The devices of the last good set.
    in_force: Option<u32>,
    keys: Option<PathBuf>,
}

impl Stage {
    fn new(reference: &'static str) -> Self {
        let repository = Repository::with(&[(FILE, &limit(10)), ("README.md", "# Fleet\n")]);
        let state = tempfile::tempdir().unwrap();
        Self { repository, state, reference, pull: None, in_force: None, keys: None }
    }

    fn kept(&self) -> PathBuf {
        let address = Address::parse(&self.repository.url()).unwrap();
        folder_for(self.state.path(), &address).unwrap().join("kept.git")
    }

    async fn open(&self) -> Result<Pull, flespi_gitops::git::GitError> {
        let address = Address::parse(&self.repository.url()).unwrap();
        let folder = folder_for(self.state.path(), &address).unwrap();
        let access = Access {
            address: address.clone(),
            token_file: None,
            user: String::new(),
            ssh_key: None,
            known_hosts: None,
            config: None,
            keys: self.keys.clone(),
        };
        let wish = Wish::new(self.reference.parse::<Reference>().unwrap(), "accounts").unwrap();
        let program = Program::new(access, folder.clone()).await?;
        let checkouts = Checkouts::new(program, address, wish, folder, None)?;
        let load = Box::new(|checkout: &Checkout| {
            let tree = Some(Tree { root: checkout.tree(), files: checkout.files() });
            manifest::load_with(
                &[checkout.folder()],
                &manifest::Options { tree, ..Default::default() },
            )
        });
        Pull::start(checkouts, Duration::from_secs(3600), load).await
    }

    async fn start(&mut self) {
        let pull = self.open().await.unwrap();
        self.note(&pull.first().reading);
        self.pull = Some(pull);
    }

    fn note(&mut self, reading: &Reading) {
        if let Reading::Good(load) = reading {
            let fields = load.desired.objects.values().map(|declared| &declared.fields);
            let devices = fields.filter_map(|fields| fields.get("devices_count")?.as_u64());
            self.in_force = devices.map(|it| u32::try_from(it).unwrap()).next_back();
        }
    }

    /// Has somebody look, and says how it ended.
    async fn look(&mut self) -> String {
        let pull = self.pull.take().unwrap();
        pull.look(Duration::from_secs(120)).await;
        let settled = pull.settled().borrow().clone();
        self.pull = Some(pull);
        self.note(&settled.reading);
        let devices = self.in_force.unwrap_or_default();
        match &settled.reading {
            Reading::Nothing => "nothing".to_owned(),
            Reading::Good(_) => format!("now {devices}"),
            Reading::Invalid(load) => {
                let messages = load.diagnostics.iter().map(|it| {
                    format!("{}: {}", it.file.as_deref().unwrap_or_default(), it.message)
                });
                format!("invalid, {devices} in force: {}", messages.collect::<Vec<_>>().join("; "))
            }
            Reading::Unknown => {
                let why = settled.status.roots[0].unknown.clone().unwrap_or_default();
                format!("unknown, {devices} in force: {why}")
            }
        }
    }

    fn git(&self, arguments: &[&str]) -> String {
        self.repository.git(arguments)
    }

    fn push(&self, devices: u32) -> String {
        self.repository.push(&[(FILE, &limit(devices))], "Next")
    }

    /// The hash of a blob with a good manifest.
    fn blob(&self, devices: u32) -> String {
        self.repository.object("blob", limit(devices).as_bytes())
    }

    /// Plants `accounts` with the manifest and these entries beside it.
    fn plant_beside(&self, devices: u32, entries: &[(&str, &[u8], &str)]) {
        let blob = self.blob(devices);
        let mut all: Vec<(&str, &[u8], &str)> = vec![("100644", b"limit.yaml", &blob)];
        all.extend(entries);
        all.sort_by(|one, other| one.1.cmp(other.1));
        let accounts = self.repository.tree(&all);
        let root = self.repository.tree(&[("40000", b"accounts", &accounts)]);
        self.repository.plant(&root);
    }
}

/// A choreography: its name, the reference that is read, what is done, and how it ends.
type Row = (&'static str, &'static str, fn(&Stage), End);

const ROWS: &[Row] = &[
    // What people do.
    ("nothing happens", "main", |_| {}, Now(10)),
    ("a push", "main", |it| drop(it.push(20)), Now(20)),
    ("a push to the branch that HEAD names", "HEAD", |it| drop(it.push(20)), Now(20)),
    (
        "ten pushes between two looks",
        "main",
        |it| (1..=10).for_each(|n| drop(it.push(n + 10))),
        Now(20),
    ),
    ("a push of a commit without changes", "main", |it| drop(it.push(10)), Now(10)),
    (
        "a push to another branch",
        "main",
        |it| {
            it.git(&["checkout", "-q", "-b", "other"]);
            it.push(20);
        },
        Now(10),
    ),
    (
        "a push of many commits at once",
        "main",
        |it| {
            (0..50).for_each(|n| drop(it.repository.commit(&[(FILE, &limit(n))], "One of many")));
            it.push(20);
        },
        Now(20),
    ),
    (
        "a merge",
        "main",
        |it| {
            it.git(&["checkout", "-q", "-b", "side"]);
            it.repository.commit(&[(FILE, &limit(20))], "Side");
            it.git(&["checkout", "-q", "main"]);
            it.repository.commit(&[("README.md", "changed")], "Main");
            it.git(&["merge", "-q", "--no-ff", "-m", "Merge", "side"]);
            it.git(&["push", "-q", "origin", "main"]);
        },
        Now(20),
    ),
    (
        "a revert",
        "main",
        |it| {
            it.push(20);
            it.git(&["revert", "--no-edit", "HEAD"]);
            it.git(&["push", "-q", "origin", "main"]);
        },
        Now(10),
    ),
    (
        "an invalid manifest",
        "main",
        |it| {
            it.repository.push(&[(FILE, "apiVersion: flespi-gitops/v1\nkind: Limit\n")], "Wrong");
        },
        Invalid(10, "metadata"),
    ),
    (
        "a manifest that is no YAML",
        "main",
        |it| {
            it.repository.push(&[(FILE, "a: [")], "Wrong");
        },
        Invalid(10, "never closed"),
    ),
    (
        "an invalid manifest that is mended",
        "main",
        |it| {
            it.repository.push(&[(FILE, "a: [")], "Wrong");
            it.push(20);
        },
        Now(20),
    ),
    (
        "a manifest under another name",
        "main",
        |it| {
            it.git(&["mv", FILE, "accounts/renamed.yaml"]);
            it.repository.push(&[], "Rename");
        },
        Now(10),
    ),
    // History that changes.
    (
        "a force-push of another history",
        "main",
        |it| {
            it.git(&["checkout", "-q", "--orphan", "new"]);
            it.repository.commit(&[(FILE, &limit(20))], "New");
            it.git(&["push", "-q", "--force", "origin", "new:main"]);
        },
        Now(20),
    ),
    (
        "an amended commit",
        "main",
        |it| {
            it.repository.write(FILE, &limit(20));
            it.git(&["commit", "-q", "-a", "--amend", "-m", "Amended"]);
            it.git(&["push", "-q", "--force", "origin", "main"]);
        },
        Now(20),
    ),
    (
        "a rebase",
        "main",
        |it| {
            it.push(20);
            it.git(&["checkout", "-q", "-b", "base", "HEAD~1"]);
            it.repository.commit(&[("README.md", "rebased")], "Base");
            it.git(&["rebase", "-q", "base", "main"]);
            it.git(&["push", "-q", "--force", "origin", "main"]);
        },
        Now(20),
    ),
    (
        "a force-push back to a commit before",
        "main",
        |it| {
            let before = it.git(&["rev-parse", "HEAD"]);
            it.push(20);
            it.git(&["push", "-q", "--force", "origin", &format!("{before}:main")]);
        },
        Now(10),
    ),
    (
        "HEAD of the server names another branch",
        "HEAD",
        |it| {
            it.git(&["checkout", "-q", "-b", "trunk"]);
            it.push(20);
            it.repository
                .git_in(&it.repository.bare(), &["symbolic-ref", "HEAD", "refs/heads/trunk"]);
        },
        Now(20),
    ),
    (
        "a tag that moves",
        "live",
        |it| {
            it.push(20);
            it.git(&["tag", "-f", "live"]);
            it.git(&["push", "-q", "--force", "origin", "live"]);
        },
        Now(20),
    ),
    (
        "a light tag that becomes an annotated one",
        "live",
        |it| {
            it.push(20);
            it.git(&["tag", "-f", "-a", "-m", "Live", "live"]);
            it.git(&["push", "-q", "--force", "origin", "live"]);
        },
        Now(20),
    ),
    (
        "a tag that moves to a tree",
        "live",
        |it| {
            it.git(&["tag", "-f", "live", "HEAD^{tree}"]);
            it.git(&["push", "-q", "--force", "origin", "live"]);
        },
        Kept(10, "cannot be used"),
    ),
    (
        "a tag of a tag",
        "live",
        |it| {
            it.push(20);
            it.git(&["tag", "-a", "-m", "One", "one"]);
            it.git(&["tag", "-f", "-a", "-m", "Two", "live", "one"]);
            it.git(&["push", "-q", "--force", "origin", "live"]);
        },
        Now(20),
    ),
    // What is gone.
    (
        "a branch that is deleted",
        "main",
        |it| {
            it.repository.git_in(&it.repository.bare(), &["update-ref", "-d", "refs/heads/main"]);
        },
        Kept(10, "`main` is not in the repository"),
    ),
    (
        "a branch that is deleted and comes back",
        "main",
        |it| {
            it.repository.git_in(&it.repository.bare(), &["update-ref", "-d", "refs/heads/main"]);
            it.push(20);
        },
        Now(20),
    ),
    (
        "a tag that is deleted",
        "live",
        |it| {
            it.git(&["push", "-q", "origin", ":live"]);
        },
        Kept(10, "`live` is not in the repository"),
    ),
    (
        "a branch and a tag of one name",
        "main",
        |it| {
            it.push(20);
            it.git(&["tag", "main"]);
            it.git(&["push", "-q", "origin", "refs/tags/main"]);
        },
        Kept(10, "both a branch and a tag"),
    ),
    (
        "the folder is removed",
        "main",
        |it| {
            it.git(&["rm", "-q", "-r", "accounts"]);
            it.repository.push(&[], "Remove");
        },
        Kept(10, "the folder `accounts` is not in commit"),
    ),
    (
        "the folder becomes a file",
        "main",
        |it| {
            it.git(&["rm", "-q", "-r", "accounts"]);
            it.repository.push(&[("accounts", "a file")], "File");
        },
        Kept(10, "the folder `accounts` is not in commit"),
    ),
    (
        "all manifests are removed",
        "main",
        |it| {
            it.git(&["rm", "-q", FILE]);
            it.repository.push(&[("accounts/README.md", "none")], "Remove");
        },
        Invalid(10, "no manifest"),
    ),
    (
        "the server is gone",
        "main",
        |it| {
            std::fs::rename(it.repository.bare(), it.repository.beside("away.git")).unwrap();
        },
        Kept(10, "cannot be reached"),
    ),
    (
        "the server is empty",
        "main",
        |it| {
            std::fs::remove_dir_all(it.repository.bare()).unwrap();
            let folder = it.repository.beside("");
            it.repository.git_in(&folder, &["init", "-q", "--bare", "fleet.git"]);
        },
        Kept(10, "`main` is not in the repository"),
    ),
    (
        "the server forbids access",
        "main",
        |it| {
            std::fs::write(it.repository.bare().join("HEAD"), "nonsense").unwrap();
        },
        Kept(10, "cannot be reached"),
    ),
    (
        "the server is another repository",
        "main",
        |it| {
            std::fs::remove_dir_all(it.repository.bare()).unwrap();
            let folder = it.repository.beside("");
            it.repository.git_in(&folder, &["init", "-q", "--bare", "-b", "main", "fleet.git"]);
            it.git(&["checkout", "-q", "--orphan", "new"]);
            it.repository.commit(&[(FILE, &limit(20))], "New");
            it.git(&["push", "-q", "origin", "new:main"]);
        },
        Now(20),
    ),
    // What is damaged.
    (
        "a corrupt pack on the server",
        "main",
        |it| {
            it.push(20);
            it.repository.git_in(&it.repository.bare(), &["repack", "-q", "-a", "-d"]);
            damage_packs(&it.repository.bare());
        },
        Kept(10, ""),
    ),
    (
        "an object that is missing on the server",
        "main",
        |it| {
            it.push(20);
            let blob = it.git(&["rev-parse", &format!("HEAD:{FILE}")]);
            let (folder, file) = blob.split_at(2);
            std::fs::remove_file(it.repository.bare().join("objects").join(folder).join(file))
                .unwrap();
        },
        Kept(10, ""),
    ),
    (
        "a corrupt pack in what is kept",
        "main",
        |it| {
            damage_packs(&it.kept());
            it.push(20);
        },
        Now(20),
    ),
    (
        "what is kept is gone",
        "main",
        |it| {
            std::fs::remove_dir_all(it.kept()).unwrap();
            it.push(20);
        },
        Now(20),
    ),
    (
        "locks that a killed fetch left",
        "main",
        |it| {
            std::fs::write(it.kept().join("shallow.lock"), "").unwrap();
            std::fs::write(it.kept().join("refs/pull/tip.lock"), "").unwrap();
            it.push(20);
        },
        Now(20),
    ),
    (
        "a shallow boundary that is nonsense",
        "main",
        |it| {
            std::fs::write(it.kept().join("shallow"), "nonsense\n").unwrap();
            it.push(20);
        },
        Now(20),
    ),
    (
        "the server itself is shallow",
        "main",
        |it| {
            (11..20).for_each(|n| drop(it.push(n)));
            let (bare, full) = (it.repository.bare(), it.repository.beside("full.git"));
            std::fs::rename(&bare, &full).unwrap();
            let from = format!("file://{}", full.display());
            let folder = it.repository.beside("");
            it.repository
                .git_in(&folder, &["clone", "-q", "--bare", "--depth=2", &from, "fleet.git"]);
        },
        Now(19),
    ),
    (
        "settings and hooks in what is kept are not of the repository",
        "main",
        |it| {
            it.push(20);
            assert!(!it.kept().join("hooks").exists(), "no template was copied");
        },
        Now(20),
    ),
    // Kinds of files.
    (
        "a file that becomes executable",
        "main",
        |it| {
            it.git(&["update-index", "--chmod=+x", FILE]);
            it.git(&["commit", "-q", "-m", "Mode"]);
            it.git(&["push", "-q", "origin", "main"]);
        },
        Now(10),
    ),
    (
        "an executable file of another content",
        "main",
        |it| {
            let blob = it.blob(20);
            it.git(&["update-index", "--cacheinfo", &format!("100755,{blob},{FILE}")]);
            it.git(&["commit", "-q", "-m", "Mode"]);
            it.git(&["push", "-q", "origin", "main"]);
        },
        Now(20),
    ),
    (
        "a link to a manifest beside it",
        "main",
        |it| {
            let blob = it.repository.object("blob", b"base.txt");
            let base = it.blob(20);
            it.git(&["update-index", "--cacheinfo", &format!("120000,{blob},{FILE}")]);
            it.git(&[
                "update-index",
                "--add",
                "--cacheinfo",
                &format!("100644,{base},accounts/base.txt"),
            ]);
            it.git(&["commit", "-q", "-m", "Link"]);
            it.git(&["push", "-q", "origin", "main"]);
        },
        Now(20),
    ),
    (
        "a link out of the repository",
        "main",
        |it| {
            std::os::unix::fs::symlink(
                "/etc/hostname",
                it.repository.work().join("accounts/x.yaml"),
            )
            .unwrap();
            it.push(20);
        },
        Invalid(10, "leads outside the given folders"),
    ),
    (
        "a link out of the folder, inside of the repository",
        "main",
        |it| {
            std::os::unix::fs::symlink(
                "../README.md",
                it.repository.work().join("accounts/x.yaml"),
            )
            .unwrap();
            it.push(20);
        },
        Invalid(10, "leads outside the given folders"),
    ),
    (
        "a folder that becomes a link out",
        "main",
        |it| {
            std::os::unix::fs::symlink("/etc", it.repository.work().join("accounts/x")).unwrap();
            it.push(20);
        },
        Invalid(10, "leads outside the given folders"),
    ),
    (
        "links in a circle",
        "main",
        |it| {
            std::os::unix::fs::symlink("b.yaml", it.repository.work().join("accounts/a.yaml"))
                .unwrap();
            std::os::unix::fs::symlink("a.yaml", it.repository.work().join("accounts/b.yaml"))
                .unwrap();
            it.push(20);
        },
        Invalid(10, "accounts/a.yaml"),
    ),
    (
        "a submodule beside the manifests",
        "main",
        |it| {
            let commit = it.git(&["rev-parse", "HEAD"]);
            it.git(&[
                "update-index",
                "--add",
                "--cacheinfo",
                &format!("160000,{commit},accounts/vendor"),
            ]);
            it.repository.write(
                ".gitmodules",
                "[submodule \"vendor\"]\n\tpath = accounts/vendor\n\turl = ./x\n",
            );
            it.git(&["add", ".gitmodules"]);
            it.git(&["commit", "-q", "-m", "Submodule"]);
            it.git(&["push", "-q", "origin", "main"]);
        },
        Kept(10, "`accounts/vendor` is a submodule"),
    ),
    (
        "a submodule elsewhere",
        "main",
        |it| {
            let commit = it.git(&["rev-parse", "HEAD"]);
            let blob = it.blob(20);
            it.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{commit},vendor")]);
            it.git(&["update-index", "--cacheinfo", &format!("100644,{blob},{FILE}")]);
            it.git(&["commit", "-q", "-m", "Submodule"]);
            it.git(&["push", "-q", "origin", "main"]);
        },
        Now(20),
    ),
    (
        "a submodule whose address is an option",
        "main",
        |it| {
            let modules = "[submodule \"x\"]\n\tpath = x\n\turl = --upload-pack=touch canary\n";
            it.repository.push(&[(FILE, &limit(20)), (".gitmodules", modules)], "Hostile");
        },
        Kept(10, ""),
    ),
    (
        "a submodule whose address runs a program",
        "main",
        |it| {
            let modules = "[submodule \"x\"]\n\tpath = x\n\turl = ext::sh -c 'touch canary'\n";
            it.repository.push(&[(FILE, &limit(20)), (".gitmodules", modules)], "Hostile");
        },
        Now(20),
    ),
    (
        "attributes that name filters",
        "main",
        |it| {
            let attributes =
                "* filter=canary text eol=crlf working-tree-encoding=UTF-16 ident export-ignore\n";
            let blob = it.repository.object("blob", attributes.as_bytes());
            it.plant_beside(20, &[("100644", b".gitattributes", &blob)]);
        },
        Now(20),
    ),
    // Names and trees that no honest git makes.
    (
        "a name that leads out",
        "main",
        |it| {
            let blob = it.blob(30);
            it.plant_beside(20, &[("100644", b"..", &blob)]);
        },
        Kept(10, ""),
    ),
    (
        "a name with slashes that leads out",
        "main",
        |it| {
            let blob = it.blob(30);
            it.plant_beside(20, &[("100644", b"../../x.yaml", &blob)]);
        },
        Kept(10, ""),
    ),
    (
        "a folder called .git",
        "main",
        |it| {
            let blob = it.repository.object("blob", b"[core]\n\tfsmonitor = touch canary\n");
            let git = it.repository.tree(&[("100644", b"config", &blob)]);
            it.plant_beside(20, &[("40000", b".git", &git)]);
        },
        Kept(10, ""),
    ),
    (
        "a folder called .GIT",
        "main",
        |it| {
            let blob = it.repository.object("blob", b"x");
            let git = it.repository.tree(&[("100644", b"config", &blob)]);
            it.plant_beside(20, &[("40000", b".GIT", &git)]);
        },
        Kept(10, ""),
    ),
    (
        "a tree that names one file twice",
        "main",
        |it| {
            let (one, two) = (it.blob(30), it.blob(40));
            it.plant_beside(20, &[("100644", b"x.yaml", &one), ("100644", b"x.yaml", &two)]);
        },
        Kept(10, ""),
    ),
    (
        "a link and a folder of one name",
        "main",
        |it| {
            let link = it.repository.object("blob", b"/tmp");
            let blob = it.blob(30);
            let folder = it.repository.tree(&[("100644", b"canary.yaml", &blob)]);
            it.plant_beside(20, &[("120000", b"x", &link), ("40000", b"x", &folder)]);
        },
        Kept(10, ""),
    ),
    (
        "names with control characters",
        "main",
        |it| {
            let blob = it.repository.object("blob", b"text");
            it.plant_beside(20, &[("100644", b"a\n\x1b[31m\x07.txt", &blob)]);
        },
        Now(20),
    ),
    (
        "names that are not UTF-8",
        "main",
        |it| {
            let blob = it.repository.object("blob", b"text");
            it.plant_beside(20, &[("100644", b"\xff\xfe.txt", &blob)]);
        },
        Now(20),
    ),
    (
        "names that differ in case alone",
        "main",
        |it| {
            let (one, two) =
                (it.repository.object("blob", b"one"), it.repository.object("blob", b"two"));
            it.plant_beside(20, &[("100644", b"A.txt", &one), ("100644", b"a.txt", &two)]);
        },
        Now(20),
    ),
    (
        "a name that is longer than any",
        "main",
        |it| {
            let blob = it.repository.object("blob", b"text");
            it.plant_beside(20, &[("100644", &[b'x'; 300], &blob)]);
        },
        Kept(10, "cannot be written"),
    ),
    (
        "folders in folders without end",
        "main",
        |it| {
            let blob = it.repository.object("blob", b"text");
            let mut inner = it.repository.tree(&[("100644", b"x.txt", &blob)]);
            for _ in 0..100 {
                inner = it.repository.tree(&[("40000", b"d", &inner)]);
            }
            it.plant_beside(20, &[("40000", b"deep", &inner)]);
        },
        Kept(10, "is not a path"),
    ),
    (
        "a bomb of folders",
        "main",
        |it| {
            // Ten of ten of ten: a million million files in a few trees.
            let blob = it.repository.object("blob", b"boom");
            let names: Vec<String> = (0..10).map(|n| format!("f{n}")).collect();
            let mut inner = it.repository.tree(
                &names.iter().map(|name| ("100644", name.as_bytes(), &*blob)).collect::<Vec<_>>(),
            );
            for _ in 0..11 {
                inner = it.repository.tree(
                    &names
                        .iter()
                        .map(|name| ("40000", name.as_bytes(), &*inner))
                        .collect::<Vec<_>>(),
                );
            }
            it.plant_beside(20, &[("40000", b"bomb", &inner)]);
        },
        Kept(10, "too large"),
    ),
    (
        "a link that is longer than any",
        "main",
        |it| {
            let link = it.repository.object("blob", &[b'x'; 5000]);
            it.plant_beside(20, &[("120000", b"x.yaml", &link)]);
        },
        Kept(10, ""),
    ),
    (
        "a large file that is no manifest",
        "main",
        |it| {
            it.repository.write("accounts/film.bin", &"0".repeat(40_000_000));
            it.push(20);
        },
        Now(20),
    ),
    (
        "a manifest that is too large",
        "main",
        |it| {
            it.repository.write("accounts/large.yaml", &"# \n".repeat(6_000_000));
            it.push(20);
        },
        Invalid(10, "accounts/large.yaml"),
    ),
    (
        "a commit that says whatever it likes",
        "main",
        |it| {
            let tree = it.git(&["rev-parse", "HEAD^{tree}"]);
            it.repository.plant(&tree);
        },
        Now(10),
    ),
];

fn damage_packs(repository: &Path) {
    let mut count = 0;
    for entry in std::fs::read_dir(repository.join("objects/pack")).unwrap().flatten() {
        if entry.path().extension().is_some_and(|extension| extension == "pack") {
            let mut bytes = std::fs::read(entry.path()).unwrap();
            let middle = bytes.len() / 2;
            bytes[12..middle.max(13)].iter_mut().for_each(|byte| *byte ^= 0x5a);
            std::fs::remove_file(entry.path()).unwrap();
            std::fs::write(entry.path(), bytes).unwrap();
            count += 1;
        }
    }
    assert!(count > 0);
}

/// What is wrong with a row; nothing if it ends as it should.
async fn live((name, reference, deed, end): &Row) -> Option<String> {
    let mut stage = Stage::new(reference);
    if *reference == "live" {
        stage.git(&["tag", "live"]);
        stage.git(&["push", "-q", "origin", "live"]);
    }
    stage.start().await;
    assert_eq!(stage.in_force, Some(10), "{name}");
    deed(&stage);
    let came = stage.look().await;
    let is_right = match end {
        Now(devices) => came == format!("now {devices}"),
        Kept(devices, words) => {
            came.starts_with(&format!("unknown, {devices} in force: ")) && came.contains(words)
        }
        Invalid(devices, words) => {
            came.starts_with(&format!("invalid, {devices} in force: ")) && came.contains(words)
        }
    };
    let is_alone =
        !came.contains("tree-") && !came.contains(&*stage.state.path().to_string_lossy());
    let canaries = [stage.repository.work(), stage.repository.bare(), stage.repository.beside("")];
    let sings = canaries.iter().any(|folder| folder.join("canary").exists());
    if !is_right || !is_alone || sings {
        return Some(format!("{name}: {came}"));
    }
    // A daemon that starts while the server is away begins with what was good.
    if matches!(end, Kept(..) | Invalid(..)) {
        let pull = stage.pull.take();
        drop(pull);
        let (bare, away) = (stage.repository.bare(), stage.repository.beside("for-a-while.git"));
        let is_there = std::fs::rename(&bare, &away).is_ok();
        match stage.open().await {
            Ok(pull) => {
                stage.in_force = None;
                stage.note(&pull.first().reading);
                if stage.in_force != Some(10) {
                    return Some(format!("{name}, then away: {:?} in force", stage.in_force));
                }
                stage.pull = Some(pull);
            }
            Err(error) => return Some(format!("{name}, then away: {error}")),
        }
        if is_there {
            std::fs::rename(&away, &bare).unwrap();
        }
    }
    // Whatever it was, the next push that is as it should be comes into force.
    let bare = stage.repository.bare();
    let is_reachable = bare.join("refs").is_dir()
        && std::fs::read_to_string(bare.join("HEAD")).is_ok_and(|head| head.starts_with("ref: "));
    if matches!(end, Now(_)) || !is_reachable || *reference != "main" {
        return None;
    }
    if name.contains("pack on the server")
        || name.contains("missing on")
        || name.contains("of one name")
    {
        return None;
    }
    stage.git(&["reset", "-q", "--hard"]);
    stage.git(&["checkout", "-q", "--orphan", "mended"]);
    stage.git(&["rm", "-q", "-r", "-f", "--cached", "."]);
    stage.git(&["clean", "-q", "-f", "-d", "-x"]);
    stage.repository.commit(&[(FILE, &limit(77))], "Mended");
    stage.git(&["push", "-q", "--force", "origin", "mended:main"]);
    let came = stage.look().await;
    (came != "now 77").then(|| format!("{name}, then mended: {came}"))
}

#[test]
fn each_choreography_ends_in_the_right_content_or_in_the_last_good_one() {
    if !has_git() {
        return;
    }
    assert!(ROWS.len() >= 40);
    let names: std::collections::BTreeSet<&str> = ROWS.iter().map(|(name, ..)| *name).collect();
    assert_eq!(names.len(), ROWS.len(), "each has a name of its own");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    let wrong = runtime.block_on(async {
        // A few at a time, each on a thread of its own, since what people do is not asynchronous.
        let next = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let workers = (0..3).map(|_| {
            let next = Arc::clone(&next);
            tokio::spawn(async move {
                let mut wrong = Vec::new();
                while let Some(row) =
                    ROWS.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
                {
                    let ended = tokio::spawn(live(row)).await;
                    wrong.extend(ended.unwrap_or_else(|panic| Some(format!("{}: {panic}", row.0))));
                }
                wrong
            })
        });
        let mut wrong = Vec::new();
        for worker in workers.collect::<Vec<_>>() {
            wrong.extend(worker.await.unwrap());
        }
        wrong
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
