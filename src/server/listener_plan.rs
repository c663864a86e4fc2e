//! Assignment of stubs to listeners, and activation of the first profile.

use std::path::Path;

use super::start_error::StartError;
use crate::config::{Config, Listener};
use crate::live::journal::Journal;
use crate::reload::WatchedStubs;
use standin_model::draws::Draws;
use standin_stub::defect::{self, Defect};
use standin_stub::files::{RenderSettings, SystemKeys};
use standin_stub::stub_folder::StubFolder;

/// Sets of stubs, and the set of each listener.
pub(super) struct ListenerPlan {
    pub(super) sets: Vec<WatchedStubs>,
    /// Index in `sets`, for each listener.
    pub(super) set_of_listener: Vec<usize>,
    pub(super) warnings: Vec<Defect>,
}

impl ListenerPlan {
    /// Loads the stubs of all listeners: those of its service for a listener with a name, all
    /// others for the rest.
    pub(super) fn new(config: &Config) -> Result<Self, StartError> {
        let mut services = config.root.as_deref().map(services).transpose()?.unwrap_or_default();
        let rendering = render_settings(config)?;
        for service in &mut services {
            service.rendering = rendering.clone();
            service.max_file_bytes = config.max_file_bytes;
        }
        let (groups, set_of_listener) = group_services(&config.listeners, &services)?;
        let mut defects = Vec::new();
        let share = config.journal_bytes / groups.len().max(1);
        let mut sets = Vec::new();
        for services in groups {
            let journal =
                Journal::new(share, config.workers).with_max_entries(config.journal_entries.unwrap_or(u64::MAX));
            let (set, found) = WatchedStubs::load(services, journal, config.workers);
            sets.push(set);
            defects.extend(found);
        }
        if config.strict && defects.iter().any(Defect::is_error) {
            return Err(StartError::Stubs(defects));
        }
        for set in &sets {
            set.live().pacing().draw_stalls_from(Draws::new(config.seed));
        }
        if let Some(name) = &config.profile {
            activate(name, &sets, &mut defects)?;
        }
        Ok(Self { sets, set_of_listener, warnings: defects })
    }
}

fn render_settings(config: &Config) -> Result<RenderSettings, StartError> {
    let system_keys = SystemKeys::new(&config.permitted_system_keys).map_err(|(pattern, error)| {
        StartError::Config(format!("the permitted system key `{pattern}` is no Java regular expression: {error}"))
    })?;
    Ok(RenderSettings { templating: config.templating, compresses: config.compresses, system_keys })
}

/// Groups the services by the listeners that serve them. Returns the groups, and the index of its
/// group for each listener. The error reports all listeners without a service, or all services
/// without a listener.
fn group_services(
    listeners: &[Listener],
    services: &[StubFolder],
) -> Result<(Vec<Vec<StubFolder>>, Vec<usize>), StartError> {
    let mut groups: Vec<(Option<&str>, Vec<StubFolder>)> = Vec::new();
    let (mut group_of_listener, mut problems) = (Vec::with_capacity(listeners.len()), Vec::new());
    for listener in listeners {
        let name = listener.service.as_deref();
        if let Some(name) = name
            && !services.iter().any(|service| service.name == name)
        {
            let names: Vec<&str> = services.iter().map(|service| service.name.as_str()).collect();
            let names = names.join(", ");
            problems.push(format!("--listen {name}=…: there is no service `{name}`; there are: {names}"));
            continue;
        }
        group_of_listener.push(groups.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
            groups.push((name, Vec::new()));
            groups.len() - 1
        }));
    }
    if !problems.is_empty() {
        return Err(StartError::Config(problems.join("\n")));
    }
    let named: Vec<&str> = groups.iter().filter_map(|(name, _)| *name).collect();
    for service in services {
        let own = groups.iter().position(|(name, _)| *name == Some(service.name.as_str()));
        match own.or_else(|| groups.iter().position(|(name, _)| name.is_none())) {
            Some(group) => groups[group].1.push(service.clone()),
            None => problems.push(format!(
                "no --listen serves `{name}`; add --listen {name}=ADDRESS, or one without a name for all but {}",
                named.join(", "),
                name = service.name,
            )),
        }
    }
    if !problems.is_empty() {
        return Err(StartError::Config(problems.join("\n")));
    }
    Ok((groups.into_iter().map(|(_, services)| services).collect(), group_of_listener))
}

/// Returns the services of a folder, at least one.
fn services(root: &Path) -> Result<Vec<StubFolder>, StartError> {
    StubFolder::find_all(root).map_err(|error| {
        StartError::Config(format!(
            "cannot read the stub folder `{}`: {error}; give a folder that has `mappings/`",
            root.display()
        ))
    })
}

/// Activates the profile `name` for each service that has it, and warns of services that have none.
/// Where no service has it and there are errors, they are the reason.
fn activate(name: &str, sets: &[WatchedStubs], defects: &mut Vec<Defect>) -> Result<(), StartError> {
    let mut available: Vec<String> = sets.iter().flat_map(|set| set.live().pacing().profile_names()).collect();
    available.sort();
    available.dedup();
    let mut applies = false;
    let mut lacking = Vec::new();
    for set in sets {
        let live = set.live();
        applies |= live.pacing().activate(Some(name)).is_ok();
        let folders = live.pacing().folders_without(name);
        lacking.extend(folders.into_iter().map(|folder| live.folders()[folder].name.clone()));
    }
    if !applies && sets.iter().any(WatchedStubs::has_broken_profiles) {
        return Err(StartError::Stubs(std::mem::take(defects)));
    }
    if !applies {
        let help = match defect::nearest(name, &available.iter().map(String::as_str).collect::<Vec<_>>()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if available.is_empty() => "there are none; put one into `profiles/`".to_owned(),
            None => format!("there are: {}", available.join(", ")),
        };
        return Err(StartError::Config(format!("--profile {name}: there is no such profile; {help}")));
    }
    if !lacking.is_empty() {
        tracing::warn!(
            profile = name,
            services = lacking.join(", "),
            "no such profile there: their calls are not paced"
        );
    }
    Ok(())
}
