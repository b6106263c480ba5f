use super::*;

const ALL: &str = "kills,pauses,restarts,crashes,certificates,links,disk,clock";

fn wishes(seed: u64, menu: &str) -> Wishes {
    Wishes {
        seed,
        menu: menu.parse().unwrap(),
        beyond_quorum: false,
        lasting_ms: 200..=1500,
        quiet_ms: 100..=600,
    }
}

#[test]
fn a_seed_means_the_same_for_ever() {
    let schedule = schedule(&wishes(42, "kills,pauses,certificates"), 3, 5).unwrap();
    insta::assert_snapshot!(schedule);
    let all = super::schedule(&wishes(42, ALL), 5, 24).unwrap();
    insta::assert_snapshot!("seed_42_of_five_with_all", all);
}

#[test]
fn what_is_written_is_read_and_the_same_seed_is_the_same_schedule() {
    let mut seen = HashSet::new();
    for seed in 0..2_000 {
        let members = seed as usize % 9 + 1;
        let beyond = seed % 2 == 0;
        let wishes = Wishes { beyond_quorum: beyond, ..wishes(seed, ALL) };
        let Some(one) = schedule(&wishes, members, 12) else { panic!("slow disks are for all") };
        assert_eq!(Some(&one), schedule(&wishes, members, 12).as_ref());
        assert_eq!(one.to_string().parse(), Ok(one.clone()), "{one}");
        // A longer one begins with it.
        let longer = schedule(&wishes, members, 20).unwrap();
        assert_eq!(longer.steps()[..12], *one.steps());
        seen.extend(one.steps().iter().map(|step| std::mem::discriminant(&step.act)));
        for step in one.steps() {
            assert!(step.act.fits(members), "{step}");
            assert!((200..=1500).contains(&step.lasts.as_millis()));
            assert!((100..=600).contains(&step.quiet.as_millis()));
            // Each step is healed before the next one: so this is the rule for every prefix.
            let most = if beyond { members } else { (members - 1) / 2 };
            assert!(step.act.broken() <= most, "{members} members: {step}");
        }
    }
    assert_eq!(seen.len(), 17, "all that there is came about");
}

#[test]
fn other_seeds_are_other_schedules() {
    let of = |seed| schedule(&wishes(seed, ALL), 3, 8).unwrap().steps().to_vec();
    let all: HashSet<_> = (0..500).map(of).collect();
    assert_eq!(all.len(), 500);
}

#[test]
fn nothing_can_be_done_to_too_few() {
    for members in [1, 2] {
        assert_eq!(schedule(&wishes(1, "kills,pauses,links"), members, 1), None);
        assert!(schedule(&wishes(1, "disk"), members, 1).is_some());
        let beyond = Wishes { beyond_quorum: true, ..wishes(1, "kills,pauses") };
        assert!(schedule(&beyond, members, 1).is_some());
    }
    assert_eq!(schedule(&wishes(1, ""), 3, 1), None);
    assert_eq!(schedule(&wishes(1, ""), 3, 0).unwrap().steps(), []);
}

#[test]
fn bad_texts_are_refused_with_their_line() {
    let error = |text: &str| text.parse::<Schedule>().unwrap_err().to_string();
    let step = "kill the leader, for 400 ms, then quiet for 200 ms";
    let texts = [
        error(""),
        error("seed x, 3 members:"),
        error("seed 1, 3 members:\n1. dance, for 1 ms, then quiet for 1 ms"),
        error(&format!("seed 1, 3 members:\n\n1. {step}\n2. kill the leader, for 400 ms")),
        error("seed 1, 3 members:\nkill member 4, for 400 ms, then quiet for 200 ms"),
        error("seed 1, 3 members:\ncut the leader from the leader, for 4 ms, then quiet for 2 ms"),
    ];
    insta::assert_snapshot!(texts.join("\n"));
    // Blanks and numbers mean nothing.
    let loose = format!("\n  seed 7, 3 members:\n\n   9. {step}\n  {step}  \n");
    assert_eq!(loose.parse::<Schedule>().unwrap().steps().len(), 2);
}
