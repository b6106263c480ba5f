use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::{Path, PathBuf};

use super::*;
use crate::doctor::go::{self, Usage};
use crate::etcd::Go;
use crate::{Fleet, IdentityFiles, Layout, Leaf};

mod directory;
mod refusals;

/// A fleet that runs, its old authority and the next.
struct World {
    fleet: Fleet,
    new: Authority,
    cross: Certificate,
    start: Holdings,
    answers: RefCell<HashMap<Question, Option<String>>>,
}

/// Fingerprints of a chain and of what is trusted, and whether a server is judged.
type Question = (Vec<[u8; 32]>, Vec<[u8; 32]>, bool);

/// Each member has files of its own, as on hosts of their own; or all share theirs.
fn world(members: usize, layout: Layout) -> World {
    let names: Vec<_> = (1..=members).map(|n| format!("m{n}")).collect();
    let fleet = Fleet::builder().layout(layout).members(names).build().unwrap();
    let old = fleet.authority();
    let ca = old.certificate_pem().as_bytes();
    let name = read(old.certificate()).unwrap().subject.der;
    let mut start = Holdings::default();
    for member in fleet.members() {
        let dir = match layout {
            Layout::PerMember => PathBuf::from(member.name()),
            Layout::Shared => PathBuf::from("all"),
        };
        let mut holder = Holder::new(member.name()).trusts(dir.join("ca.crt"), ca).unwrap();
        for (stem, identity) in [("server", member.server()), ("peer", member.peer())] {
            if layout == Layout::Shared && stem == "peer" {
                continue;
            }
            let files = IdentityFiles::named(&dir, stem);
            holder = holder.holds(files, identity.chain_pem().as_bytes()).unwrap();
        }
        start = start.member(holder.shows([name.clone()]));
    }
    let files = IdentityFiles::named(Path::new("client"), "client");
    let client = Holder::new("client").trusts("client/ca.crt", ca).unwrap();
    let client = client.holds(files, fleet.client().chain_pem().as_bytes()).unwrap();
    let new = Authority::generate("next").unwrap();
    let cross = old.cross_sign(&new).unwrap();
    let start = start.client(client);
    World { fleet, new, cross, start, answers: RefCell::default() }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Bundle,
    Cross,
}

impl World {
    fn old(&self) -> &Authority {
        self.fleet.authority()
    }

    fn plan(&self, method: Method, holdings: &Holdings) -> Rotation {
        let old = self.old().certificate();
        match method {
            Method::Bundle => Rotation::authority_by_bundle(holdings, old, &self.new),
            Method::Cross => {
                Rotation::authority_by_cross_signing(holdings, old, &self.new, &self.cross)
            }
        }
        .unwrap()
    }

    /// What each trusts now: a member what it has in memory, a client what its file says.
    fn trusted(&self, holder: &Holder) -> Vec<CertificateDetails> {
        let both = [self.old(), &self.new].map(|one| read(one.certificate()).unwrap());
        both.into_iter()
            .filter(|one| match &holder.in_memory {
                Some(names) => names.contains(&one.subject.der),
                None => holder.trusted.iter().all(|trusted| trusted.has(one)),
            })
            .collect()
    }

    /// Who refuses whom, if anyone does, by Go's rules: signatures, names, dates, usages, path
    /// lengths. Clients do not talk to each other, and dial no port of peers.
    fn refusal(&self, holdings: &Holdings) -> Option<String> {
        for (index, one) in holdings.holders().enumerate() {
            let trusted = self.trusted(one);
            let is_client = index >= holdings.members.len();
            for other in
                holdings.members.iter().chain(holdings.clients.iter().filter(|_| !is_client))
            {
                for held in &other.identities {
                    let stem = held.files.certificate.file_stem().unwrap().to_str().unwrap();
                    let usages = match (stem, is_client) {
                        ("peer", true) => &[][..],
                        ("server", true) => &[Usage::Server],
                        ("client", _) => &[Usage::Client],
                        // A member dials itself, and where all share one certificate its peers.
                        _ => &[Usage::Server, Usage::Client],
                    };
                    for usage in usages {
                        if let Some(why) = self.asked(&held.chain, &trusted, *usage) {
                            let path = held.files.certificate.display();
                            return Some(format!("{} refuses {path}: {why}", one.name));
                        }
                    }
                }
            }
        }
        None
    }

    /// Why Go refuses, in the oldest and the newest release that etcd is built with.
    fn asked(
        &self,
        chain: &[CertificateDetails],
        trusted: &[CertificateDetails],
        usage: Usage,
    ) -> Option<String> {
        let marks = |all: &[CertificateDetails]| -> Vec<_> {
            all.iter().map(|one| one.fingerprint).collect()
        };
        let question = (marks(chain), marks(trusted), usage == Usage::Server);
        let now = OffsetDateTime::now_utc();
        let ask = || {
            let host = (usage == Usage::Server).then_some("localhost");
            let judge = |minor| go::verify(chain, trusted, usage, host, now, Go::new(minor)).err();
            [12, 26].into_iter().find_map(judge).map(|refusal| format!("{refusal:?}"))
        };
        // Members with the same authorities ask the same.
        self.answers.borrow_mut().entry(question).or_insert_with(ask).clone()
    }

    /// All that makes a difference, without keys and serial numbers.
    fn essence(&self, holdings: &Holdings) -> String {
        let [old, new] = [self.old(), &self.new].map(|one| read(one.certificate()).unwrap());
        let mut text = String::new();
        for holder in holdings.holders() {
            for trusted in &holder.trusted {
                text += &format!("{}{}", u8::from(trusted.has(&old)), u8::from(trusted.has(&new)));
            }
            text += &format!(
                "/{}{}/",
                u8::from(holder.has_in_memory(&old)),
                u8::from(holder.has_in_memory(&new))
            );
            for held in &holder.identities {
                let leads = |to| u8::from(chain::leads_to(&held.chain, to));
                text += &format!("{}{}{} ", leads(&old), leads(&new), held.chain.len());
            }
        }
        text
    }

    /// Everything that can happen next: any change of the phase, and the restart of any member,
    /// asked for or not.
    fn next(&self, phase: &Phase, holdings: &Holdings) -> Vec<Holdings> {
        let changes = phase.changes.iter().map(|change| {
            let mut next = holdings.clone();
            next.make(change).unwrap();
            next
        });
        let restarts = holdings.members.iter().map(|member| {
            let mut next = holdings.clone();
            next.restart(&member.name);
            next
        });
        changes.chain(restarts).collect()
    }

    /// Walks through every state that can be reached, planning anew in each; says how many there
    /// are.
    fn walk(&self, method: Method) -> usize {
        let mut seen = BTreeMap::new();
        let mut left = VecDeque::from([self.start.clone()]);
        seen.insert(self.essence(&self.start), ());
        while let Some(holdings) = left.pop_front() {
            assert_eq!(self.refusal(&holdings), None, "{}", self.essence(&holdings));
            let rotation = self.plan(method, &holdings);
            let Some(phase) = rotation.phases().first() else {
                self.assert_done(&holdings);
                continue;
            };
            for condition in &phase.before {
                assert_ne!(condition.holds(&holdings), Some(false), "{condition}");
            }
            self.assert_leads_to_the_end(&rotation, &holdings);
            for next in self.next(phase, &holdings) {
                if seen.insert(self.essence(&next), ()).is_none() {
                    left.push_back(next);
                }
            }
        }
        seen.len()
    }

    /// Carried out as it is planned, a rotation ends, and what each phase promises is so.
    fn assert_leads_to_the_end(&self, rotation: &Rotation, from: &Holdings) {
        let mut holdings = from.clone();
        for phase in rotation.phases() {
            for change in &phase.changes {
                holdings.make(change).unwrap();
            }
            for member in &phase.restarts {
                holdings.restart(member);
            }
            for condition in &phase.after {
                assert_eq!(condition.holds(&holdings), Some(true), "{condition}");
            }
        }
        self.assert_done(&holdings);
    }

    fn assert_done(&self, holdings: &Holdings) {
        let new = read(self.new.certificate()).unwrap();
        for holder in holdings.holders() {
            assert!(holder.trusted.iter().all(|trusted| trusted.authorities == [new.clone()]));
            assert_eq!(self.trusted(holder), std::slice::from_ref(&new));
            for held in &holder.identities {
                assert_eq!(held.chain.len(), 1);
                assert!(chain::leads_to(&held.chain, &new));
            }
        }
    }
}

#[test]
fn from_every_state_a_rotation_goes_on_and_nobody_is_ever_refused() {
    let pair = world(2, Layout::PerMember);
    let shared = world(3, Layout::Shared);
    for method in [Method::Bundle, Method::Cross] {
        let (states, of_shared) = (pair.walk(method), shared.walk(method));
        // The control: there were many to go through.
        assert!(states > 40 && of_shared > 20, "{method:?}: {states} {of_shared}");
    }
}

#[test]
fn what_one_method_began_the_other_ends() {
    let world = world(2, Layout::PerMember);
    for (first, second) in [(Method::Bundle, Method::Cross), (Method::Cross, Method::Bundle)] {
        let mut holdings = world.start.clone();
        for phase in world.plan(first, &world.start).phases() {
            for change in &phase.changes {
                holdings.make(change).unwrap();
                let rotation = world.plan(second, &holdings);
                let mut walked = holdings.clone();
                for phase in rotation.phases() {
                    for change in &phase.changes {
                        walked.make(change).unwrap();
                        assert_eq!(world.refusal(&walked), None);
                    }
                    for member in &phase.restarts {
                        walked.restart(member);
                        assert_eq!(world.refusal(&walked), None);
                    }
                }
                if second == Method::Cross {
                    world.assert_done(&walked);
                }
            }
            phase.restarts.iter().for_each(|member| holdings.restart(member));
        }
    }
}

/// The negative control of all of the above: each phase is needed, and so is each restart.
#[test]
fn a_phase_that_is_skipped_cuts_someone_off_and_its_conditions_say_so() {
    let world = world(2, Layout::PerMember);
    for method in [Method::Bundle, Method::Cross] {
        let rotation = world.plan(method, &world.start);
        let needed = rotation.phases().iter().filter(|phase| phase.step != Step::DropCross);
        for skipped in 0..needed.count() - 1 {
            let mut holdings = world.start.clone();
            let mut refused = None;
            let mut warned = false;
            for (index, phase) in rotation.phases().iter().enumerate() {
                if index == skipped {
                    continue;
                }
                warned |= phase.before.iter().any(|one| one.holds(&holdings) == Some(false));
                for change in &phase.changes {
                    holdings.make(change).unwrap();
                    refused = refused.or_else(|| world.refusal(&holdings));
                }
                for member in &phase.restarts {
                    holdings.restart(member);
                    refused = refused.or_else(|| world.refusal(&holdings));
                }
            }
            assert!(refused.is_some(), "{method:?} without phase {skipped}");
            assert!(warned, "{method:?} without phase {skipped}");
        }
    }
    // Files without the restarts.
    let rotation = world.plan(Method::Bundle, &world.start);
    let mut holdings = world.start.clone();
    for change in &rotation.phases()[0].changes {
        holdings.make(change).unwrap();
    }
    let renew = &rotation.phases()[1];
    assert!(renew.before.iter().any(|condition| condition.holds(&holdings) == Some(false)));
    holdings.make(&renew.changes[0]).unwrap();
    assert!(world.refusal(&holdings).is_some());
}

#[test]
fn nobody_asked_means_that_conditions_are_open() {
    let mut world = world(2, Layout::PerMember);
    for member in &mut world.start.members {
        member.in_memory = None;
    }
    let rotation = world.plan(Method::Bundle, &world.start);
    let renew = &rotation.phases()[1];
    let open: Vec<_> =
        renew.before.iter().filter(|one| one.holds(&world.start).is_none()).collect();
    assert_eq!(open.len(), 4, "both authorities of both members");
    assert_eq!(rotation.restarts(), 2);
}

#[test]
fn new_leaves_need_no_restart_and_are_planned_until_all_are_there() {
    let world = world(2, Layout::PerMember);
    let end = OffsetDateTime::now_utc() + time::Duration::days(364);
    let old = world.old();
    let nothing = Rotation::leaves(&world.start, old, end).unwrap();
    assert!(nothing.is_done(), "they live for a year");

    let mut holdings = world.start.clone();
    let leaf = Leaf::client("client").expires_in(std::time::Duration::from_secs(3600));
    let late = old.issue(&leaf).unwrap();
    holdings.clients[0].identities[0].chain =
        crate::read::certificates(late.chain_pem().as_bytes()).unwrap();
    let rotation = Rotation::leaves(&holdings, old, end).unwrap();
    assert_eq!(rotation.restarts(), 0);
    let [phase] = rotation.phases() else { panic!("{rotation:?}") };
    assert_eq!((phase.step, phase.changes.len()), (Step::RenewClients, 1));
    holdings.make(&phase.changes[0]).unwrap();
    assert_eq!(world.refusal(&holdings), None);
    assert!(Rotation::leaves(&holdings, old, end).unwrap().is_done());

    let far = OffsetDateTime::now_utc() + time::Duration::days(400);
    let error = Rotation::leaves(&holdings, old, far).unwrap_err();
    assert!(matches!(error, RotationError::TooShort { .. }), "{error}");
    let error = Rotation::leaves(&holdings, &world.new, end).unwrap_err();
    assert!(matches!(error, RotationError::NotTrusted { .. }), "{error}");
}

#[test]
fn what_cannot_be_rotated_is_refused_with_what_to_do() {
    let world = world(1, Layout::PerMember);
    let named = |path_length| {
        let builder = Authority::builder("ca").without_generation().path_length(path_length);
        builder.generate().unwrap()
    };
    let (minica, twin) = (named(0), named(1));
    let old = world.old().certificate();
    let errors = [
        Rotation::authority_by_bundle(&world.start, minica.certificate(), &twin),
        Rotation::authority_by_cross_signing(
            &world.start,
            minica.certificate(),
            &world.new,
            &world.cross,
        ),
        Rotation::authority_by_cross_signing(&world.start, old, &world.new, old),
    ]
    .map(|result| result.unwrap_err().to_string());
    let text = errors.join("\n");
    let text =
        text.replace(world.old().common_name(), "OLD").replace(world.new.common_name(), "NEW");
    insta::assert_snapshot!(text, @r"
    another authority is called CN=ca as well as the new one: make the new one with another name (`Authority::generate` gives each one of its own)
    the path length of CN=ca is 0, and nobody would accept a leaf below a cross certificate: rotate by bundle instead
    the cross certificate is not one of CN=OLD for CN=NEW: make it with `old.cross_sign(&new)`
    ");
}

#[test]
fn a_plan_can_be_read() {
    let world = world(2, Layout::PerMember);
    let rotation = world.plan(Method::Cross, &world.start);
    let [members, clients, trust, last] = rotation.phases() else { panic!("{rotation:?}") };
    let mut last = last.clone();
    (last.before, last.after) = (Vec::new(), Vec::new());
    let text = format!("{trust}\n{last}");
    assert!(members.to_string().contains("write:   m1/server.key, then m1/server.crt (m1)"));
    assert!(clients.to_string().starts_with("give the clients new certificates"));
    let text =
        text.replace(world.old().common_name(), "OLD").replace(world.new.common_name(), "NEW");
    insta::assert_snapshot!(text, @r"
    trust the new authority only
      first:   m1/server.crt leads to CN=NEW
      first:   m1/peer.crt leads to CN=NEW
      first:   m2/server.crt leads to CN=NEW
      first:   m2/peer.crt leads to CN=NEW
      first:   client/client.crt leads to CN=NEW
      write:   authorities in m1/ca.crt (m1)
      write:   authorities in m2/ca.crt (m2)
      write:   authorities in client/ca.crt (client)
      restart: m1, m2, one after the other
      then:    m1 has CN=NEW among its authorities
      then:    m1 has CN=OLD no more among its authorities
      then:    m2 has CN=NEW among its authorities
      then:    m2 has CN=OLD no more among its authorities
      then:    client has CN=NEW among its authorities
      then:    client has CN=OLD no more among its authorities
    take the cross certificate out of the chains
      write:   the chain in m1/server.crt (m1)
      write:   the chain in m1/peer.crt (m1)
      write:   the chain in m2/server.crt (m2)
      write:   the chain in m2/peer.crt (m2)
      write:   the chain in client/client.crt (client)
    ");
}

#[test]
fn changes_are_written_over_what_is_there() {
    let scratch = tempfile::tempdir().unwrap();
    let authority = Authority::generate("x").unwrap();
    let files = IdentityFiles::named(scratch.path(), "client");
    let identity = authority.issue(&Leaf::client("c")).unwrap();
    std::fs::write(&files.key, "old").unwrap();
    let holders = vec!["c".to_owned()];
    let key = identity.key_pem().to_owned();
    Change::Identity { files: files.clone(), holders: holders.clone(), identity }.write().unwrap();
    assert_eq!(std::fs::read_to_string(&files.key).unwrap(), key);
    let path = scratch.path().join("ca.crt");
    Change::Authorities { path: path.clone(), holders, pem: "text".to_owned() }.write().unwrap();
    assert_eq!(std::fs::read_to_string(path).unwrap(), "text");
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 3);
}
