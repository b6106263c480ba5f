//! The order of the places, and what is said of a file that is no etcd.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use tercet_cluster::binary::{LocateError, Origin, Request, Source, Version};

use super::mirror::Release;
use super::support::{Scene, write_program};

/// Every place has an etcd; the best is taken away, again and again.
#[test]
fn the_places_come_in_their_order() {
    let scene = Scene::new();
    let given = scene.etcd("given/etcd", "3.4.1");
    let environment = scene.etcd("environment/etcd", "3.4.2");
    let search_path = scene.etcd("bin/etcd", "3.4.4");
    let cached_default = scene.cached("3.6.14", "pip");
    let cached_other = scene.cached("3.5.7", "upstream");
    scene.cached("3.5.6", "upstream");
    let release = Release::new("3.6.14");
    let mirror = release.mirrored(&scene, "mirror");
    let bare = release.pinned(scene.locator()).mirrors([mirror]);
    let with_path = bare.clone().search_in(scene.path("bin"));
    let with_environment = with_path.clone().environment(scene.path("environment"));

    let at = Request::Path(given.clone());
    let found = with_environment.locate(&at).unwrap();
    assert_eq!((found.origin(), found.path()), (Origin::Path, given.as_path()));

    let found = with_environment.locate(&Request::Default).unwrap();
    assert_eq!((found.origin(), found.path()), (Origin::Environment, environment.as_path()));

    let found = with_path.locate(&Request::Default).unwrap();
    assert_eq!(found.origin(), Origin::Cache { source: Source::Pip });
    assert_eq!((found.path(), found.note()), (cached_default.as_path(), None));

    fs::remove_dir_all(cached_default.parent().unwrap()).unwrap();
    let found = with_path.locate(&Request::Default).unwrap();
    assert_eq!((found.origin(), found.path()), (Origin::SearchPath, search_path.as_path()));
    insta::assert_snapshot!(found.note().unwrap(), @"etcd 3.4.4 from PATH; the default is 3.6.14. To get the default: cargo xtask etcd fetch 3.6.14");

    // What some test had asked for does not become the default where the default can be had.
    let found = bare.clone().offline(true).locate(&Request::Default).unwrap();
    assert_eq!(found.path(), cached_other);
    insta::assert_snapshot!(found.note().unwrap(), @"etcd 3.6.14, the default, is not in the cache: using 3.5.7 from the cache (upstream). To get the default: cargo xtask etcd fetch 3.6.14");

    let found = bare.locate(&Request::Default).unwrap();
    assert_eq!(found.origin(), Origin::Fetched { source: Source::Upstream });
    assert_eq!((found.version(), found.note()), (Version::new(3, 6, 14), None));
}

#[test]
fn a_version_that_is_asked_for_passes_over_others() {
    let scene = Scene::new();
    scene.etcd("environment/etcd", "3.5.1");
    scene.etcd("first/etcd", "3.5.2");
    scene.etcd("second/etcd", "3.5.3");
    scene.cached("3.5.4", "pip");
    let path = std::env::join_paths([scene.path("first"), scene.path("second")]).unwrap();
    let locator = scene.locator().environment(scene.path("environment")).search_in(path);
    for (patch, origin) in [
        (1, Origin::Environment),
        (2, Origin::SearchPath),
        (3, Origin::SearchPath),
        (4, Origin::Cache { source: Source::Pip }),
    ] {
        let version = Version::new(3, 5, patch);
        let found = locator.locate(&Request::Version(version)).unwrap();
        assert_eq!((found.version(), found.origin()), (version, origin));
    }
    let error = locator.offline(true).locate(&Version::new(3, 5, 5).into()).unwrap_err();
    insta::assert_snapshot!(scene.words(&error), @r"
    no etcd 3.5.5 (a version that is asked for is never replaced); tried:
      TERCET_ETCD: it is etcd 3.5.1
      cache ROOT/cache/etcd: it has 3.5.4 (pip)
      PATH ROOT/first/etcd: it is etcd 3.5.2
      PATH ROOT/second/etcd: it is etcd 3.5.3
      sources: not tried: offline, as TERCET_OFFLINE or the program says
    to bring one by hand: TERCET_ETCD=/path/to/etcd
    ");
}

/// Named files: each is refused for its own reason, and accepted once that is mended.
#[test]
fn what_is_named_and_no_etcd_is_refused() {
    let scene = Scene::new();
    let etcd = scene.path("dir/etcd");
    let locator = scene.locator().environment(&etcd);
    // It would do, but what is named on purpose is not passed over.
    scene.cached("3.6.14", "pip");
    let refused = |expected: &str| {
        for (result, by) in [
            (locator.locate(&Request::Default), "TERCET_ETCD"),
            (scene.locator().locate(&Request::Path(etcd.clone())), "the request"),
        ] {
            let words = scene.words(&result.unwrap_err());
            let begin = format!("{by} names ROOT/dir/etcd, which cannot be used as etcd");
            assert_eq!(words, format!("{begin}\n  because {expected}"));
        }
    };
    let accepted = || {
        assert_eq!(locator.locate(&Request::Default).unwrap().path(), etcd);
    };

    refused("there is no such file");
    fs::create_dir_all(&etcd).unwrap();
    refused("it is a directory without a file 'etcd' in it");
    fs::remove_dir(&etcd).unwrap();

    scene.etcd("dir/etcd", "3.5.9");
    accepted();
    fs::set_permissions(&etcd, fs::Permissions::from_mode(0o644)).unwrap();
    refused("it is not executable: chmod +x it");
    fs::set_permissions(&etcd, fs::Permissions::from_mode(0o755)).unwrap();
    accepted();

    write_program(&etcd, "#!/bin/sh\necho; echo '  tea Version: 3.5.9 '\n");
    refused("it is not etcd: asked for --version it said 'tea Version: 3.5.9'");
    write_program(&etcd, "#!/bin/sh\necho etcd Version: 3.3.27\n");
    refused("etcd 3.3.27 is not supported: use 3.4 or later (3.x)");
    scene.etcd("dir/etcd", "3.5.99");
    accepted();
}

#[test]
fn a_program_of_another_machine_says_so() {
    let scene = Scene::new();
    let etcd = scene.path("etcd");
    write_program(&etcd, "#!/no/such/interpreter\n");
    let error = scene.locator().locate(&Request::Path(etcd)).unwrap_err();
    insta::assert_snapshot!(scene.words(&error), @r"
    the request names ROOT/etcd, which cannot be used as etcd
      because this machine cannot run it: it is for another, or its loader is not here
      because No such file or directory (os error 2)
    ");
}

#[test]
fn a_program_that_hangs_is_given_up() {
    let scene = Scene::new();
    let etcd = scene.path("etcd");
    write_program(&etcd, "#!/bin/sh\nsleep 1000\necho etcd Version: 3.5.9\n");
    let begun = Instant::now();
    let error = scene.locator().locate(&Request::Path(etcd)).unwrap_err();
    // Generous, to tell giving up from hanging.
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    insta::assert_snapshot!(scene.words(&error), @r"
    the request names ROOT/etcd, which cannot be used as etcd
      because 'etcd --version' did not end within 10 s
    ");
}

#[test]
fn a_hit_in_the_cache_takes_no_lock_and_no_program() {
    let scene = Scene::new();
    // Its etcd would not run.
    scene.cached("3.6.14", "upstream");
    scene.locator().locate(&Request::Default).unwrap();
    assert!(!scene.path("cache/etcd/.lock").exists());
}

#[test]
fn what_is_not_whole_is_not_in_the_cache() {
    let scene = Scene::new();
    let etcd = scene.cached("3.5.9", "upstream");
    let marker = etcd.with_file_name("complete");
    let hits = || scene.locator().cached().len();
    assert_eq!(hits(), 1);

    let text = fs::read_to_string(&marker).unwrap();
    let without_marker = || fs::remove_file(&marker).unwrap();
    let faults: [&dyn Fn(); 5] = [
        &without_marker,
        &|| fs::write(&marker, "").unwrap(),
        &|| fs::write(&marker, text.replace("platform ", "platform plan9-")).unwrap(),
        &|| fs::write(&marker, text.replace("3.5.9", "3.5.8")).unwrap(),
        &|| fs::write(&etcd, "short").unwrap(),
    ];
    for (number, fault) in faults.iter().enumerate() {
        fault();
        assert_eq!(hits(), 0, "fault {number}");
        scene.cached("3.5.9", "upstream");
        assert_eq!(hits(), 1, "after fault {number}");
    }
}

/// And what is not whole is replaced.
#[test]
fn a_broken_entry_is_got_again() {
    let scene = Scene::new();
    let etcd = scene.cached("3.5.9", "upstream");
    fs::remove_file(etcd.with_file_name("complete")).unwrap();
    let release = Release::new("3.5.9");
    let locator = release.pinned(scene.locator()).mirrors([release.mirrored(&scene, "mirror")]);
    let found = locator.locate(&Version::new(3, 5, 9).into()).unwrap();
    assert_eq!(found.origin(), Origin::Fetched { source: Source::Upstream });
    assert_eq!(scene.cache_entries(), ["3.5.9-upstream"]);
}

#[test]
fn offline_means_that_no_source_is_tried() {
    let scene = Scene::new();
    let release = Release::new("3.5.9");
    let online = release.pinned(scene.locator()).mirrors([release.mirrored(&scene, "mirror")]);
    let version = Request::Version(Version::new(3, 5, 9));
    let error = online.clone().offline(true).locate(&version).unwrap_err();
    let LocateError::NotFound(error) = error else { panic!("{error}") };
    let last = error.attempts().last().unwrap();
    assert_eq!(
        (last.place(), last.outcome()),
        ("sources", "not tried: offline, as TERCET_OFFLINE or the program says")
    );
    assert!(!scene.path("cache").exists(), "nothing is made when nothing can come");
    online.locate(&version).unwrap();
}

#[test]
fn versions_that_cannot_be_driven_are_refused_at_once() {
    let scene = Scene::new();
    let error = scene.locator().locate(&Version::new(3, 3, 27).into()).unwrap_err();
    insta::assert_snapshot!(scene.words(&error), @"etcd 3.3.27 is not supported: use 3.4 or later (3.x)");
}
