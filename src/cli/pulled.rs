//! Manifests from a repository: the options that name it, and the words for when it is not to be had.

use std::path::PathBuf;

use super::exit::Exit;
use super::output::Output;
use super::session::state_folder;
use super::settings::Common;
use crate::git::{
    Access, Address, Checkout, Checkouts, GitError, Program, Reference, Wish, folder_for,
};
use crate::manifest;

/// Which repository is read, and how.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Manifests from a git repository")]
pub(super) struct GitArgs {
    /// Read the manifests from this git repository in place of files: https://HOST/PATH, ssh://HOST/PATH,
    /// USER@HOST:PATH or the path of a repository. Needs the program `git`, 2.34 or later; nothing that the repository
    /// holds is executed.
    #[arg(long, value_name = "URL", conflicts_with_all = ["paths", "manifests"])]
    pub(super) git: Option<String>,

    /// Branch, tag or whole commit hash to read; by default, the branch that the repository offers.
    #[arg(long = "ref", value_name = "REF", requires = "git", default_value = "HEAD", value_parser = reference)]
    reference: Reference,

    /// Folder of the repository that holds the manifests; by default, all of it.
    #[arg(long, value_name = "DIR", requires = "git")]
    path: Option<String>,

    /// File that holds a token or password for an https repository; it is read on every look.
    #[arg(long, value_name = "FILE", env = "FLESPI_GITOPS_GIT_TOKEN_FILE")]
    git_token_file: Option<PathBuf>,

    /// User name that belongs to the token.
    #[arg(long, value_name = "NAME", default_value = "x-access-token", requires = "git")]
    git_user: String,

    /// File that holds a private key for an ssh repository; by default, what `ssh` uses itself.
    #[arg(long, value_name = "FILE", requires = "git")]
    git_ssh_key: Option<PathBuf>,

    /// File with the known hosts for an ssh repository; by default, what `ssh` uses itself.
    #[arg(long, value_name = "FILE", requires = "git")]
    git_known_hosts: Option<PathBuf>,

    /// File of git settings to use, such as those for a credential helper; the settings of the user and of the machine
    /// are not used.
    #[arg(long, value_name = "FILE", requires = "git")]
    git_config: Option<PathBuf>,

    /// Folder in which relative paths of secrets and deliveries begin; by default, `files` beside what is kept of the
    /// repository in --state-dir.
    #[arg(long, value_name = "DIR", requires = "git")]
    git_files: Option<PathBuf>,

    /// Only accept commits (or the tag of --ref) signed with a key in FILE: allowed signers of SSH, or OpenPGP public keys.
    /// Needs `ssh-keygen` or `gpg`.
    #[arg(long, value_name = "FILE", requires = "git")]
    verify_commits: Option<PathBuf>,
}

fn reference(text: &str) -> Result<Reference, String> {
    text.parse().map_err(|error: crate::git::BadReference| error.to_string())
}

/// The commit to read, if manifests are to be read from a repository.
pub(super) async fn checkout(
    args: &GitArgs,
    common: &Common,
    output: &Output,
) -> Result<Option<Checkout>, Exit> {
    let Some(mut checkouts) = open(args, common, output).await? else { return Ok(None) };
    let pulled = async {
        let tip = checkouts.tip().await?;
        checkouts.take(&tip).await
    };
    match pulled.await {
        Ok(checkout) => {
            output.say(&read_from(&checkout, &checkouts));
            Ok(Some(checkout))
        }
        Err(error) => Err(fail(&error, output)),
    }
}

/// Which commit is read, on a line.
fn read_from(checkout: &Checkout, checkouts: &Checkouts<Program>) -> String {
    let commit = &checkout.commit;
    let subject = commit.subject.as_deref().unwrap_or_default();
    format!("manifests: {} at {} ({subject})", checkouts.address(), commit.short())
}

/// The repository that the options name, if they do; nothing is sent yet.
pub(super) async fn open(
    args: &GitArgs,
    common: &Common,
    output: &Output,
) -> Result<Option<Checkouts<Program>>, Exit> {
    let Some(address) = &args.git else { return Ok(None) };
    let address = Address::parse(address).map_err(|error| {
        output.failure(&error, Some(error.help()));
        Exit::Usage
    })?;
    let wish = Wish::new(args.reference.clone(), args.path.as_deref().unwrap_or_default());
    let wish = wish.map_err(|error| {
        output.error(&format!("--path: {error}"));
        Exit::Usage
    })?;
    let state = state_folder(common, output)?;
    let access = Access {
        address: address.clone(),
        token_file: args.git_token_file.clone(),
        user: args.git_user.clone(),
        ssh_key: absolute(args.git_ssh_key.as_ref()),
        known_hosts: absolute(args.git_known_hosts.as_ref()),
        config: args.git_config.clone(),
        keys: args.verify_commits.clone(),
    };
    let checkouts = async {
        let folder = folder_for(&state, &address)?;
        let remote = Program::new(access, folder.clone()).await?;
        Checkouts::new(remote, address, wish, folder, args.git_files.clone())
    };
    checkouts.await.map(Some).map_err(|error| fail(&error, output))
}

/// `ssh` runs in another folder.
fn absolute(path: Option<&PathBuf>) -> Option<PathBuf> {
    path.map(|path| std::path::absolute(path).unwrap_or_else(|_| path.clone()))
}

/// Says why there is no commit; how the run ends.
pub(super) fn fail(error: &GitError, output: &Output) -> Exit {
    output.failure(error, error.help());
    match error {
        GitError::Unsigned { .. } => Exit::Refused,
        GitError::Content { .. } | GitError::NoFolder { .. } => Exit::Invalid,
        _ => Exit::Failed,
    }
}

/// How the tree of a commit is loaded.
pub(super) fn tree(checkout: &Checkout) -> manifest::Tree<'_> {
    manifest::Tree { root: checkout.tree(), files: checkout.files() }
}
