//! Keys of a profile and of the steps of its timeline.

use std::time::Duration;

use super::keys::{
    Codec, Inheritance, Schema, SchemaKey, Style, Usage, key, nested_list, optional_key, read_items, read_node,
};
use super::merge::merge_by_name;
use super::service::{SCALE, SERVICE_KEYS, check_names};
use super::values::{DURATION, INTEGER, NUMBER, TEXT, WORD};
use super::yaml::Yaml;
use crate::profile::model::{Profile, ProfileService, ScaleFactors, Timeline, TimelineStep};
use standin_stub::source::defect::nearest;
use standin_stub::source::{Node, Object, Reader, Value};

pub(super) static PROFILE_KEYS: Schema<ProfileKeys> = Schema {
    name: "a profile",
    subject: "the profile",
    style: Style::Block,
    blank: ProfileKeys::default,
    keys: &[
        optional_key!(ProfileKeys, "description", description, TEXT).inherited(Inheritance::Own),
        optional_key!(ProfileKeys, "priority", priority, INTEGER).inherited(Inheritance::Own),
        optional_key!(ProfileKeys, "extends", extends, TEXT).inherited(Inheritance::Own).used(|object| {
            match object.node("timeline") {
                Some(_) => Usage::Conflict(
                    "a timeline has no services of its own, so it extends nothing",
                    "remove it, and point to that profile with a step",
                ),
                None => Usage::Read,
            }
        }),
        optional_key!(ProfileKeys, "timeline", steps, STEPS).inherited(Inheritance::Own),
        optional_key!(ProfileKeys, "repeat", repeat, DURATION)
            .comment("length of a round")
            .inherited(Inheritance::Own)
            .used(|object| match object.node("timeline") {
                Some(_) => Usage::Read,
                None => {
                    Usage::Conflict("`repeat` needs a `timeline`, and there is none", "remove it, or add a `timeline`")
                }
            }),
        optional_key!(
            ProfileKeys,
            "speed",
            speed,
            NUMBER.checked(|value, node, reader| check_speed(*value, node, reader))
        )
        .comment("times as fast as the clock")
        .inherited(Inheritance::Own)
        .used(|object| match object.node("timeline") {
            Some(_) => Usage::Read,
            None => Usage::Conflict("`speed` needs a `timeline`, and there is none", "remove it, or add a `timeline`"),
        }),
        SchemaKey::<ProfileKeys>::new(
            "services",
            |profile, object, reader| {
                let services = SERVICES.read("services", object, reader);
                services.map(|services| profile.services = services).is_some()
            },
            |profile| match (profile.steps.is_some(), profile.services.as_slice()) {
                (true, _) => None,
                (false, []) => Some(Yaml::Inline("[]".to_owned())),
                (false, _) => Some(SERVICES.write(&profile.services)),
            },
        )
        .required("add at least one, or say which profile it `extends`")
        .inherited(Inheritance::Merge(|own, base| merge_by_name(own, base, |own, base| SERVICE_KEYS.merge(own, base))))
        .used(|object| match (object.node("timeline"), object.node("extends")) {
            (None, _) => Usage::Read,
            // what is extended is the mistake: the services come from there
            (Some(_), Some(_)) => Usage::Ignored,
            (Some(_), None) => Usage::Conflict(
                "a timeline has no services of its own",
                "put the services into a profile of their own, and point to it with a step",
            ),
        }),
    ],
    check: check_repeat,
};

/// The keys of a profile, before a timeline is made of those that belong to it.
#[derive(Clone, Default)]
pub(super) struct ProfileKeys {
    description: Option<String>,
    priority: Option<i64>,
    extends: Option<String>,
    steps: Option<Vec<TimelineStep>>,
    repeat: Option<Duration>,
    speed: Option<f64>,
    services: Vec<ProfileService>,
}

impl From<ProfileKeys> for Profile {
    fn from(keys: ProfileKeys) -> Self {
        let (repeat, speed) = (keys.repeat, keys.speed.unwrap_or(1.0));
        Self {
            description: keys.description,
            priority: keys.priority,
            extends: keys.extends,
            services: keys.services,
            timeline: keys.steps.map(|steps| Timeline { steps, repeat, speed }),
        }
    }
}

impl From<&Profile> for ProfileKeys {
    fn from(profile: &Profile) -> Self {
        let timeline = profile.timeline.as_ref();
        Self {
            description: profile.description.clone(),
            priority: profile.priority,
            extends: profile.extends.clone(),
            steps: timeline.map(|timeline| timeline.steps.clone()),
            repeat: timeline.and_then(|timeline| timeline.repeat),
            speed: timeline.map(|timeline| timeline.speed).filter(|speed| *speed != 1.0),
            services: profile.services.clone(),
        }
    }
}

const SERVICES: Codec<Vec<ProfileService>> =
    nested_list!(SERVICE_KEYS).checked(|_, node, reader| check_names(node, "service", reader));

const STEPS: Codec<Vec<TimelineStep>> =
    nested_list!(STEP_KEYS).checked(|steps, node, reader| check_steps(steps, node, reader));

pub(super) static STEP_KEYS: Schema<TimelineStep> = Schema {
    name: "a step",
    subject: "the step",
    style: Style::Flow,
    blank: || TimelineStep { at: Duration::ZERO, profile: None, scale: ScaleFactors::default() },
    keys: &[
        key!(TimelineStep, "at", at, STEP_BEGIN).required("add when it begins, such as `at: 10m`"),
        optional_key!(TimelineStep, "profile", profile, WORD),
        SchemaKey::<TimelineStep>::new(
            "scale",
            |step, object, reader| SCALE.read("scale", object, reader).map(|scale| step.scale = scale).is_some(),
            // a step needs one of the two
            |step| (step.scale != ScaleFactors::default() || step.profile.is_none()).then(|| SCALE.write(&step.scale)),
        ),
    ],
    check: |_, object, _, reader| {
        if object.node("profile").is_none() && object.node("scale").is_none() {
            let help = "add a `profile`, or a `scale` for the one before it";
            reader.error(object.whole(), "the step changes nothing", help);
        }
    },
};

/// A time that is written with its unit also if it is zero.
const STEP_BEGIN: Codec<Duration> = Codec::new(
    |key, object, reader| DURATION.read(key, object, reader),
    |at| if at.is_zero() { Yaml::Inline("0s".to_owned()) } else { DURATION.write(at) },
);

fn check_steps(steps: &[TimelineStep], node: &Node, reader: &mut Reader) {
    let items = node.items();
    if items.is_empty() {
        let help = "write `[{at: 0s, profile: recorded}, {at: 10m, profile: peak}]`";
        reader.error(node, "the timeline has no steps", help);
    }
    if let (Some(first), Some(step)) = (items.first(), steps.first()) {
        if step.at != Duration::ZERO {
            reader.error(first.get("at").unwrap_or(first), "the first step begins at 0s", "write `at: 0s`");
        }
        if step.profile.is_none() && first.get("profile").is_none_or(|node| node.value == Value::Null) {
            let help = "add `profile: …`; steps after it may leave it out to keep it";
            reader.error(first, "the first step has no `profile`", help);
        }
    }
    // steps and nodes correspond only if all steps could be read
    if steps.len() == items.len() {
        for (pair, item) in steps.windows(2).zip(items.iter().skip(1)) {
            if pair[1].at <= pair[0].at {
                let node = item.get("at").unwrap_or(item);
                reader.error(node, "a step begins after the one before it", "put the steps in order");
            }
        }
    }
}

fn check_repeat(profile: &ProfileKeys, object: &Object<'_>, _: bool, reader: &mut Reader) {
    let last = profile.steps.iter().flatten().map(|step| step.at).max();
    if let (Some(node), Some(repeat), Some(last)) = (object.node("repeat"), profile.repeat, last)
        && repeat <= last
    {
        let help = "use the length of a whole round, such as `24h`";
        reader.error_at(node, "repeat", "the timeline repeats before its last step begins", help);
    }
}

fn check_speed(speed: f64, node: &Node, reader: &mut Reader) {
    if !(MIN_SPEED..=MAX_SPEED).contains(&speed) {
        let help = format!("use a number from {MIN_SPEED} to {MAX_SPEED}");
        reader.error(node, format!("{speed} is no speed of a timeline"), help);
    }
}

/// Checks the profiles that the steps of a timeline name. `others` has all profiles, each with
/// whether it is a timeline.
pub(in crate::profile) fn check_step_profiles(profile: &Node, others: &[(&str, bool)], reader: &mut Reader) {
    let steps = profile.get("timeline").map_or(&[][..], Node::items);
    for (index, node) in steps.iter().enumerate().filter_map(|(index, step)| Some((index, step.get("profile")?))) {
        // other types are reported where the step is read
        let name = match &node.value {
            Value::String(name) | Value::Number(name) => name.clone(),
            Value::Bool(name) => name.to_string(),
            _ => continue,
        };
        let (message, help) = match others.iter().find(|(known, _)| *known == name) {
            Some((_, false)) => continue,
            Some((_, true)) => (
                format!("`{name}` is a timeline, and a timeline may not point to one"),
                "point to profiles that have services".to_owned(),
            ),
            None => (format!("there is no profile `{name}`"), unknown_profile_help(&name, others)),
        };
        reader.within("timeline", |reader| {
            reader.within(index.to_string(), |reader| reader.error_at(node, "profile", message, help));
        });
    }
}

fn unknown_profile_help(name: &str, others: &[(&str, bool)]) -> String {
    let known: Vec<&str> = others.iter().filter(|(_, is_timeline)| !is_timeline).map(|(name, _)| *name).collect();
    match nearest(name, &known) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "put a profile with services beside it, and point to that".to_owned(),
        None => format!("use one of {}", known.join(", ")),
    }
}

/// A thousandth of the speed of the clock.
const MIN_SPEED: f64 = 0.001;

/// A day in less than a tenth of a second.
const MAX_SPEED: f64 = 1_000_000.0;
