//! A directory for each host, with all that goes there.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tercet_cluster::Plan;
use tercet_cluster::plan::MemberPlan;
use tercet_pki::{
    Durability, Fleet, FleetDirectory, Layout, PairState, Revocations, Role, WriteError,
    WriteOptions,
};

use super::{has_certificates, host, place};
use crate::Failure;

/// Writes all of a new fleet, or nothing. With `force` what is there is kept under another name.
pub(super) fn fleet(plan: &Plan, out: &Path, force: bool, user: &str) -> Result<(), Failure> {
    let taken = is_taken(out)?;
    if taken && !force {
        return Err(format!(
            "{} is there already, and what is in it may be in use: name another directory, or put \
             the new plan in its place with --force, which keeps the old one beside it",
            out.display()
        )
        .into());
    }
    if taken && !place::hosts(out).is_dir() {
        return Err(format!(
            "{} is no plan, and is left alone: name another directory",
            out.display()
        )
        .into());
    }
    whole(out, |stage| {
        if has_certificates(plan) {
            certificates(plan, stage)?;
        }
        make(&place::hosts(stage))?;
        for member in plan.members() {
            let there = place::hosts(stage).join(member.name());
            goods(plan, member, stage, &there, user)?;
        }
        client(plan, stage)?;
        if taken {
            let kept = free_name(out);
            fs::rename(out, &kept).map_err(|error| failed(&kept, &error))?;
            eprintln!("tercet: what was in {} is in {} now", out.display(), kept.display());
        }
        Ok(())
    })
}

/// Writes what goes to the host of one member more, into the plan that is there.
pub(super) fn newcomer(
    plan: &Plan,
    newcomer: &MemberPlan,
    out: &Path,
    user: &str,
) -> Result<(), Failure> {
    let hosts = place::hosts(out);
    if !hosts.is_dir() {
        return Err(format!(
            "{} is no plan: name the directory that the fleet was planned into",
            out.display()
        )
        .into());
    }
    let there = hosts.join(newcomer.name());
    if there.symlink_metadata().is_ok() {
        return Err(format!("{} is there already, and may be in use", there.display()).into());
    }
    if has_certificates(plan) {
        sign(plan, newcomer, out)?;
    }
    whole(&there, |stage| goods(plan, newcomer, out, stage, user))
}

/// Makes the certificates of a member that joins.
fn sign(plan: &Plan, newcomer: &MemberPlan, out: &Path) -> Result<(), Failure> {
    let pki = place::pki(out);
    let key = pki.join(tercet_pki::AUTHORITY_KEY_FILE);
    FleetDirectory::recover(&pki, &key)?;
    let fleet = FleetDirectory::load(&pki, &key)?;
    let layout = plan.spec().certificate_layout();
    if fleet.layout() != layout {
        let says = |layout| if layout == Layout::Shared { "with" } else { "without" };
        return Err(format!(
            "the fleet in {} was planned {} --shared-cert, and this is {} it",
            pki.display(),
            says(fleet.layout()),
            says(layout)
        )
        .into());
    }
    let named = newcomer.spec().planned_host().map(|host| {
        let ip = std::iter::once(host.ip().to_string());
        ip.chain(host.dns_names().iter().cloned()).collect::<Vec<_>>()
    });
    let named = named.unwrap_or_default();
    let roles: &[(Role, Option<&str>)] = match layout {
        Layout::Shared => &[(Role::Shared, None)],
        _ => &[Role::Server, Role::Peer].map(|role| (role, Some(newcomer.name()))),
    };
    if roles.iter().all(|&(role, name)| is_made(&fleet, role, name, &named)) {
        // By a run that was interrupted; or for all, by whoever was told so below.
        return Ok(());
    }
    if layout == Layout::Shared {
        return Err(format!(
            "all members share one certificate, and it does not name the new host: make it again \
             with `cargo xtask pki add-member {} {}={}`, give it to all of them, and run this again",
            host::quoted(&pki),
            newcomer.name(),
            named.join(",")
        )
        .into());
    }
    let Some(authority) = fleet.authority() else {
        return Err(format!("{} is not there, and signs what is new", key.display()).into());
    };
    let more = plan.fleet([newcomer]).authority(authority.clone()).build()?;
    more.write_member(&pki, newcomer.name()).map_err(|error| match error {
        WriteError::Exists { path } => Failure::from(format!(
            "{} is there already, and is not for this host: if nobody uses it, remove it",
            path.display()
        )),
        other => other.into(),
    })
}

/// Whether there is a sound certificate that names these hosts.
fn is_made(fleet: &FleetDirectory, role: Role, name: Option<&str>, hosts: &[String]) -> bool {
    let one = fleet.identity(role, name).filter(|one| one.state == PairState::Sound);
    let names = one.and_then(|one| one.chain.first()?.names.as_ref());
    names.is_some_and(|names| {
        let ip: Vec<_> = names.ip.iter().map(ToString::to_string).collect();
        hosts.iter().all(|host| names.dns.contains(host) || ip.contains(host))
    })
}

/// All certificates of the fleet, and the authority's key.
fn certificates(plan: &Plan, out: &Path) -> Result<(), Failure> {
    let fleet: Fleet = plan.fleet(plan.members()).build()?;
    let pki = place::pki(out);
    let options = WriteOptions::default().authority_key_in(&pki).durability(Durability::Synced);
    fleet.write_with(&pki, &options)?;
    if plan.revocation_files().is_some() {
        let list = fleet.authority().revoke(&Revocations::new())?;
        tercet_pki::RevocationFiles::in_directory(&pki).write(&list, Durability::Synced)?;
    }
    Ok(())
}

/// All that goes to the host of a member, from the certificates in `out`.
fn goods(
    plan: &Plan,
    member: &MemberPlan,
    out: &Path,
    there: &Path,
    user: &str,
) -> Result<(), Failure> {
    let at = |path: &Path| place::in_host(plan, there, path);
    for path in place::certificates(plan, member) {
        copy(&place::in_pki(plan, out, &path), &at(&path))?;
    }
    write(&at(&place::run_script(member)), &host::script(member), 0o755)?;
    write(&at(&place::unit(member)), &host::unit(member, user), 0o644)?;
    if let Some(file) = member.configuration_file() {
        write(&at(&file.path), &file.text, 0o600)?;
    }
    if let Some(file) = place::environment_file(member) {
        write(&at(&file), &host::environment(member), 0o600)?;
    }
    Ok(())
}

/// What a client trusts and shows.
fn client(plan: &Plan, out: &Path) -> Result<(), Failure> {
    let shows = plan.client_shows();
    let shows = shows.into_iter().flat_map(|files| [&*files.certificate, &*files.key]);
    for path in plan.client_trusts().into_iter().chain(shows) {
        copy(&place::in_pki(plan, out, path), &place::of_client(out, path))?;
    }
    Ok(())
}

/// Fills a directory beside `path`, which nobody else may look into, and moves it there: it is there
/// whole, or not at all.
fn whole(path: &Path, fill: impl FnOnce(&Path) -> Result<(), Failure>) -> Result<(), Failure> {
    let parent = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(parent).map_err(|error| failed(parent, &error))?;
    let stage = tempfile::Builder::new()
        .prefix(".tercet-plan-")
        .permissions(fs::Permissions::from_mode(0o700))
        .tempdir_in(parent)
        .map_err(|error| failed(path, &error))?;
    fill(stage.path())?;
    fs::rename(stage.path(), path).map_err(|error| failed(path, &error))?;
    // It has gone to its place.
    let _ = stage.keep();
    Ok(())
}

/// Whether something is there. An empty directory is nothing.
fn is_taken(out: &Path) -> Result<bool, Failure> {
    match out.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(failed(out, &error)),
        Ok(found) if !found.is_dir() => {
            Err(format!("{} is no directory, and is left alone", out.display()).into())
        }
        Ok(_) => {
            let mut entries = fs::read_dir(out).map_err(|error| failed(out, &error))?;
            Ok(entries.next().is_some())
        }
    }
}

/// The first of `out.1`, `out.2`, … that is not there.
fn free_name(out: &Path) -> PathBuf {
    let name = out.file_name().unwrap_or_default();
    let numbered = |number: u32| {
        let mut name = name.to_owned();
        name.push(format!(".{number}"));
        out.with_file_name(name)
    };
    let free = (1..).map(numbered).find(|path| path.symlink_metadata().is_err());
    free.unwrap_or_else(|| numbered(0))
}

/// Writes a new file with these permissions from its first moment on.
fn write(path: &Path, text: &str, mode: u32) -> Result<(), Failure> {
    use std::io::Write as _;
    let failed = |error: io::Error| failed(path, &error);
    path.parent().map_or(Ok(()), make)?;
    let file = File::options().write(true).create_new(true).mode(mode).open(path);
    let mut file = file.map_err(failed)?;
    // Whatever the umask is.
    file.set_permissions(fs::Permissions::from_mode(mode)).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.sync_all().map_err(failed)
}

/// With its permissions.
fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    to.parent().map_or(Ok(()), make)?;
    fs::copy(from, to).map(drop).map_err(|error| {
        format!("could not copy {} to {}: {error}", from.display(), to.display()).into()
    })
}

/// Makes a directory that is its owner's alone.
fn make(path: &Path) -> Result<(), Failure> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|error| failed(path, &error))
}

fn failed(path: &Path, error: &io::Error) -> Failure {
    format!("{} cannot be written: {error}", path.display()).into()
}
