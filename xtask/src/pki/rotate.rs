//! `cargo xtask pki rotate`

use std::path::{Path, PathBuf};

use lexopt::prelude::*;
use tercet_cluster::diagnose::probe::{Probe, ProbeIdentity};
use tercet_pki::read::{self, CertificateDetails};
use tercet_pki::rotation::{Change, Holdings, Phase, Rotation, Step};
use tercet_pki::{
    Access, Authority, Certificate, Durability, FleetDirectory, RevocationFiles, Revocations,
    write_file,
};

use super::{Common, common, wrote};
use crate::Failure;

const HELP: &str = "\
Gives a fleet that runs another authority, while everyone goes on accepting everyone. Each run does
what can be done at once, and says what is to be copied and who is to be restarted; when that is
done, run it again with --done. Interrupted anywhere, run it again: it goes on from what the
certificates say.

Usage: cargo xtask pki rotate DIR [OPTIONS]

  --by METHOD     bundle (two restarts of each member; the old key is not needed), or
                  cross-signing (one restart); said when it begins (bundle)
  --done          what the last run asked for is done
  --ask URL       look whether it is: the authorities that this port of a member has in memory,
                  such as https://10.0.0.1:2379; once for each member
  --dry-run       say what would be done, to the end
  --ca-key FILE   where the authority's key is, if not in DIR/ca.key; the new one's goes there
";

/// What is needed on the way, in the fleet's directory; nothing of it is needed afterwards.
const WORK: &str = ".rotation";

/// The new authority there: as long as it is there, a rotation is under way.
const NEW: &str = "new.crt";

pub(super) fn run(mut arguments: lexopt::Parser) -> Result<(), Failure> {
    let mut common = Common::default();
    let (mut by, mut done, mut dry_run, mut ask) = (None, false, false, Vec::new());
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("by") => by = Some(method(&arguments.value()?.string()?)?),
            Long("done") => done = true,
            Long("dry-run") => dry_run = true,
            Long("ask") => ask.push(arguments.value()?.string()?),
            other => common!(common, arguments, other),
        }
    }
    if common.help {
        print!("{HELP}");
        return Ok(());
    }
    let [dir] = common.values(HELP)?;
    let dir = Path::new(dir);
    let key = common.authority_key().map_or_else(|| dir.join("ca.key"), Path::to_owned);
    if !dry_run {
        FleetDirectory::recover(dir, &key)?;
    }
    let has_begun = dir.join(WORK).join(NEW).exists();
    if done && !has_begun {
        return Err("--done, and nothing has begun: the last rotation came to its end".into());
    }
    let work = match has_begun {
        true => Work::load(dir)?,
        false => Work::begin(dir, &key, by.unwrap_or(Method::Bundle))?,
    };
    if has_begun && by.is_some_and(|by| by != work.method()) {
        let method = work.method().word();
        return Err(format!("it was begun by {method}: go on without --by").into());
    }
    let memory = asked(dir, &ask)?;
    let rotation = work.plan(dir, memory.as_deref())?;
    if dry_run {
        rotation.phases().iter().for_each(|phase| println!("{phase}"));
        println!("nothing was written");
        return Ok(());
    }
    if rotation.is_done() {
        return work.finish(dir, &key);
    }
    if has_begun && !done {
        return Err(waiting(&rotation).into());
    }
    work.save(dir)?;
    carry_out(dir, &rotation)?;
    // Without a look at the members: what is left to be written.
    if work.plan(dir, None)?.is_done() && memory.is_none() {
        return work.finish(dir, &key);
    }
    println!("\nThen: cargo xtask pki rotate {} --done", super::quoted(dir));
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Method {
    Bundle,
    CrossSigning,
}

impl Method {
    const fn word(self) -> &'static str {
        match self {
            Self::Bundle => "bundle",
            Self::CrossSigning => "cross-signing",
        }
    }
}

fn method(text: &str) -> Result<Method, Failure> {
    let found = [Method::Bundle, Method::CrossSigning].into_iter().find(|one| one.word() == text);
    found.ok_or_else(|| format!("there is no method '{text}': bundle or cross-signing").into())
}

/// From which authority to which.
struct Work {
    old: Certificate,
    new: Authority,
    /// For cross-signing.
    cross: Option<Certificate>,
}

impl Work {
    fn begin(dir: &Path, key: &Path, method: Method) -> Result<Self, Failure> {
        // Without the key, whoever is there alone is meant.
        let fleet = FleetDirectory::load(dir, key)?;
        let old = match (fleet.authority(), fleet.authorities()) {
            (Some(authority), _) => authority.certificate().clone(),
            (None, [only]) => only.certificate.clone(),
            _ => return Err("which authority? give the key of the old one: --ca-key FILE".into()),
        };
        let new = Authority::successor_of(&CertificateDetails::parse(old.der())?)?;
        let cross = match (method, fleet.authority()) {
            (Method::Bundle, _) => None,
            (Method::CrossSigning, Some(authority)) => Some(authority.cross_sign(&new)?),
            (Method::CrossSigning, None) => {
                let why = "the old authority has to sign once more, and its key is not in";
                return Err(
                    format!("{why} {}: --ca-key FILE, or --by bundle", key.display()).into()
                );
            }
        };
        Ok(Self { old, new, cross })
    }

    fn load(dir: &Path) -> Result<Self, Failure> {
        let [old, new, key, cross] = Self::paths(dir);
        let certificate = |path: &Path| -> Result<Certificate, Failure> {
            let mut certificates = read::certificates(&bytes(path)?)?;
            Ok(certificates.swap_remove(0).certificate)
        };
        let text = |path: &Path| Ok::<_, Failure>(String::from_utf8(bytes(path)?)?);
        let cross = if cross.exists() { Some(certificate(&cross)?) } else { None };
        let key = zeroize::Zeroizing::new(text(&key)?);
        Ok(Self { old: certificate(&old)?, new: Authority::from_pem(&text(&new)?, &key)?, cross })
    }

    /// The certificate of the new one last: by that it has begun.
    fn save(&self, dir: &Path) -> Result<(), Failure> {
        let [old, new, key, cross] = Self::paths(dir);
        if new.exists() {
            return Ok(());
        }
        // What is left of one that ended is not this one's.
        remove(&cross)?;
        write_file(&old, Access::Anyone, self.old.pem().as_bytes(), true)?;
        write_file(&key, Access::Owner, self.new.key_pem().as_bytes(), true)?;
        if let Some(certificate) = &self.cross {
            write_file(&cross, Access::Anyone, certificate.pem().as_bytes(), true)?;
        }
        Ok(write_file(&new, Access::Anyone, self.new.certificate_pem().as_bytes(), true)?)
    }

    fn paths(dir: &Path) -> [PathBuf; 4] {
        ["old.crt", NEW, "new.key", "cross.crt"].map(|name| dir.join(WORK).join(name))
    }

    const fn method(&self) -> Method {
        if self.cross.is_some() { Method::CrossSigning } else { Method::Bundle }
    }

    /// What is left, by the directory and by what members are known to have in memory.
    fn plan(&self, dir: &Path, memory: Option<&[Vec<u8>]>) -> Result<Rotation, Failure> {
        let mut holdings: Holdings = FleetDirectory::load_without_key(dir)?.holdings();
        for member in &mut holdings.members {
            member.in_memory = memory.map(<[_]>::to_vec);
        }
        Ok(match &self.cross {
            None => Rotation::authority_by_bundle(&holdings, &self.old, &self.new)?,
            Some(cross) => {
                Rotation::authority_by_cross_signing(&holdings, &self.old, &self.new, cross)?
            }
        })
    }

    /// The new key takes the place of the old one.
    fn finish(&self, dir: &Path, key: &Path) -> Result<(), Failure> {
        let aside = key.with_file_name("ca-old.key");
        let new_key = self.new.key_pem();
        if key.exists() && bytes(key)? != new_key.as_bytes() {
            let old_key = zeroize::Zeroizing::new(bytes(key)?);
            write_file(&aside, Access::Owner, &old_key, true)?;
        }
        self.hand_over_list(dir)?;
        write_file(key, Access::Owner, new_key.as_bytes(), true)?;
        // First what says that one is under way.
        remove(&dir.join(WORK).join(NEW))?;
        std::fs::remove_dir_all(dir.join(WORK))?;
        wrote(key);
        println!("\nFrom now on {} signs.", self.new.common_name());
        if aside.exists() {
            println!(
                "Destroy {}, the old one's, when all members have restarted.",
                aside.display()
            );
        }
        Ok(())
    }

    /// A list is its authority's. What is on it stays there, and the old key is not needed for it.
    fn hand_over_list(&self, dir: &Path) -> Result<(), Failure> {
        let files = RevocationFiles::in_directory(dir);
        if !files.pem.exists() {
            return Ok(());
        }
        let list = bytes(&files.pem)?;
        if self.new.revocations(&list).is_ok() {
            return Ok(());
        }
        let revocations = Revocations::of_list(&list, &self.old)?;
        files.write(&self.new.revoke(&revocations)?, Durability::Synced)?;
        wrote(&files.der);
        wrote(&files.pem);
        Ok(())
    }
}

/// Removes a file, if it is there.
fn remove(path: &Path) -> Result<(), Failure> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("could not remove {}: {error}", path.display()).into())
        }
        _ => Ok(()),
    }
}

/// Writes the first phase, and the second where nothing has to be done between them; says what to
/// do with it.
fn carry_out(dir: &Path, rotation: &Rotation) -> Result<(), Failure> {
    let mut phases = rotation.phases().iter().peekable();
    while let Some(phase) = phases.next() {
        if let Some(condition) = phase.before.iter().find(|one| one_is_false(dir, one)) {
            return Err(format!("to {}: it is not so that {condition}", phase.step).into());
        }
        for change in &phase.changes {
            change.write()?;
            match change {
                Change::Identity { files, .. } => super::wrote_pair(files),
                Change::Authorities { path, .. } | Change::Chain { path, .. } => wrote(path),
                _ => {}
            }
        }
        println!("\n{}", next_steps(phase));
        if phases.peek().is_none_or(|next| next.step != Step::RenewClients) {
            break;
        }
    }
    Ok(())
}

/// Whether it does not hold by the directory; what members have in memory was planned with.
fn one_is_false(dir: &Path, condition: &tercet_pki::rotation::Condition) -> bool {
    let holdings = FleetDirectory::load_without_key(dir).map(|fleet| fleet.holdings());
    holdings.is_ok_and(|holdings| condition.holds(&holdings) == Some(false))
}

fn next_steps(phase: &Phase) -> String {
    let copied = match phase.step {
        Step::TrustBoth | Step::TrustNew => {
            "Give ca.crt to every member and client. Restart the clients that read it at their start."
        }
        Step::RenewMembers => {
            "Give each member its files, of each pair the key first. It needs no restart."
        }
        Step::RenewClients => {
            "Give each client its files. Restart the clients that read them at their start."
        }
        Step::DropCross => "Give everyone its certificate; the keys stay. Nobody needs a restart.",
        _ => "Give everyone its files.",
    };
    match phase.restarts.as_slice() {
        [] => copied.to_owned(),
        members => format!(
            "{copied}\nThen restart the members, one after the other, each ready before the next, \
             the leader last and after\n`etcdctl move-leader`: {}.",
            match members {
                [shared] if shared == tercet_pki::SHARED_COMMON_NAME => "all".to_owned(),
                members => members.join(", "),
            }
        ),
    }
}

/// What has to be so before the next phase, for somebody who has not said that it is.
fn waiting(rotation: &Rotation) -> String {
    let mut text = "when what the last run asked for is done, say so: --done".to_owned();
    if let Some(phase) = rotation.phases().first() {
        text += &format!("\n  next: {}", phase.step);
        for condition in &phase.before {
            text += &format!("\n  first: {condition}");
        }
    }
    text
}

/// The names of the authorities that all of these ports have in memory; none if there are no ports.
fn asked(dir: &Path, urls: &[String]) -> Result<Option<Vec<Vec<u8>>>, Failure> {
    let identity = ProbeIdentity::from_files(&dir.join("client.crt"), &dir.join("client.key"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut all: Vec<(&String, Vec<_>)> = Vec::new();
    for url in urls {
        let mut probe = Probe::client_port(url.parse()?).handshake_only();
        if let Ok(identity) = &identity {
            probe = probe.identity(identity.clone());
        }
        let answer = runtime.block_on(probe.ask());
        let names = answer.asks_for().ok_or_else(|| {
            format!(
                "{url} asks for no certificates, and so shows no authorities: {:?}",
                answer.ending
            )
        })?;
        let mut names = names.to_vec();
        names.sort_by(|one, other| one.der.cmp(&other.der));
        let texts: Vec<_> = names.iter().map(|name| &*name.text).collect();
        println!("asked     {url}: {}", texts.join(", "));
        all.push((url, names.into_iter().map(|name| name.der).collect()));
    }
    let Some((_, first)) = all.first() else { return Ok(None) };
    match all.iter().find(|(_, names)| names != first) {
        Some((url, _)) => Err(format!(
            "{url} has others in memory than {}: restart whoever has not been restarted",
            all[0].0
        )
        .into()),
        None => Ok(Some(first.clone())),
    }
}

fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path)
        .map_err(|error| format!("could not read {}: {error}", path.display()).into())
}
