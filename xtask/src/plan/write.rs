//! A directory for each host, with all that goes there.

use std::fs;
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tercet_cluster::Plan;
use tercet_cluster::plan::MemberPlan;
use tercet_pki::{Fleet, Identity, IdentityFiles};

use super::host::{environment, run_script, script};
use super::{environment_file, has_certificates};
use crate::Failure;

/// The authority's key, which goes to no host.
pub(super) const AUTHORITY_KEY: &str = "ca.key";

/// Writes all of it, or nothing.
pub(super) fn all(plan: &Plan, out: &Path) -> Result<(), Failure> {
    if out.symlink_metadata().is_ok() {
        return Err(format!(
            "{} is there already, and what is in it may be in use: name another",
            out.display()
        )
        .into());
    }
    let parent = match out.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let failed = |source: io::Error| format!("{} cannot be written: {source}", out.display());
    fs::create_dir_all(parent).map_err(failed)?;
    // Beside it, so that it is there at once and whole. Its keys are nobody else's to look at.
    let stage = tempfile::Builder::new().prefix(".tercet-plan-").tempdir_in(parent);
    let stage = stage.map_err(failed)?;
    fill(plan, stage.path())?;
    fs::rename(stage.keep(), out).map_err(failed)?;
    Ok(())
}

/// Where a client finds its copy of a file of the plan.
pub(super) fn of_client(out: &Path, path: &Path) -> PathBuf {
    out.join("client").join(path.file_name().unwrap_or_default())
}

fn fill(plan: &Plan, out: &Path) -> Result<(), Failure> {
    let fleet = has_certificates(plan).then(|| plan.fleet(plan.members()).build()).transpose()?;
    for member in plan.members() {
        let host = out.join(member.name());
        let at = |path: &Path| place(plan, &host, path);
        if let Some(fleet) = &fleet {
            certificates(plan, fleet, member, &host)?;
        }
        write(&at(&run_script(member)), &script(member), 0o755)?;
        if let Some(file) = member.configuration_file() {
            write(&at(&file.path), &file.text, 0o600)?;
        }
        if let Some(file) = environment_file(member) {
            write(&at(&file), &environment(member), 0o600)?;
        }
    }
    let Some(fleet) = fleet else { return Ok(()) };
    fleet.authority().write_key(out.join(AUTHORITY_KEY))?;
    if plan.client_trusts().is_some() {
        let ca = of_client(out, &plan.files().ca);
        write(&ca, fleet.authority().certificate_pem(), 0o644)?;
    }
    if let Some(files) = plan.client_shows() {
        let certificate = of_client(out, &files.certificate);
        identity(fleet.client(), &IdentityFiles::at(certificate, of_client(out, &files.key)))?;
    }
    Ok(())
}

/// What a member shows, and whom it trusts.
fn certificates(
    plan: &Plan,
    fleet: &Fleet,
    member: &MemberPlan,
    host: &Path,
) -> Result<(), Failure> {
    let at = |path: &Path| place(plan, host, path);
    write(&at(&plan.files().ca), fleet.authority().certificate_pem(), 0o644)?;
    let shown = fleet.member(member.name()).ok_or("a member has no certificates")?;
    let server = member.server_files().map(|files| (shown.server(), files));
    let peer = member.peer_files().map(|files| (shown.peer(), files));
    // In one pair where the members share one.
    let peer = peer.filter(|(_, files)| server.is_none_or(|(_, server)| server != *files));
    for (shown, files) in server.into_iter().chain(peer) {
        identity(shown, &IdentityFiles::at(at(&files.certificate), at(&files.key)))?;
    }
    Ok(())
}

/// Where a file that is at `path` on the host is written.
fn place(plan: &Plan, host: &Path, path: &Path) -> PathBuf {
    host.join(path.strip_prefix(plan.directory()).unwrap_or(path))
}

fn identity(identity: &Identity, files: &IdentityFiles) -> Result<(), Failure> {
    write(&files.certificate, identity.chain_pem(), 0o644)?;
    write(&files.key, identity.key_pem(), 0o600)
}

/// Writes a new file with these permissions from its first moment on.
fn write(path: &Path, text: &str, mode: u32) -> Result<(), Failure> {
    use std::io::Write as _;
    let failed = |source: io::Error| format!("{} cannot be written: {source}", path.display());
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(failed)?;
    }
    let file = fs::File::options().write(true).create_new(true).mode(mode).open(path);
    let mut file = file.map_err(failed)?;
    // Whatever the umask is: others than its owner must read a certificate.
    file.set_permissions(fs::Permissions::from_mode(mode)).map_err(failed)?;
    Ok(file.write_all(text.as_bytes()).map_err(failed)?)
}
