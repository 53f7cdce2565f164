//! Windows of maintenance: which there are, which of them are on, and what they name.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::context::Cx;
use crate::protocol::{
    Action, CallId, Change, CommandId, MaintenanceRecord, Note, Obeyed, Refused, Remark, RemarkKind,
    SystemAlert, Timer, Wall, Window, WindowBooking, WindowId, WindowOrder, WindowTime, Zone,
};
use crate::unsaved::Key;

/// How many remarks are kept in memory, for people to read.
const REMARKS_AT_MOST: usize = 200;
/// How long a window is kept that is over.
const KEPT_FOR: Duration = Duration::from_secs(24 * 3600);

/// The windows of maintenance, and what people and time have done of late.
#[derive(Debug, Default)]
pub struct Maintenance {
    /// Those that are not over, or not for long: whoever sets the clock may set it back.
    windows: BTreeMap<WindowId, Window>,
    /// What the clock showed when they were last looked at.
    checked: Wall,
    next: WindowId,
    /// Those that are on, as the last check found.
    on: Vec<WindowId>,
    /// Counts how often other windows were on.
    revision: u64,
    /// The newest remarks, the oldest first.
    remarks: VecDeque<Remark>,
    /// Commands that were obeyed, and of which nobody was told yet: each waits for the save that writes it down, once that is
    /// under way.
    obeyed: Vec<(CommandId, Obeyed, Option<CallId>)>,
}

/// The windows of one check that are on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenWindows<'a> {
    maintenance: &'a Maintenance,
    now: Wall,
    zone: &'a Zone,
}

/// Which windows name an experiment, as long as the same windows are on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cover {
    revision: u64,
    is_known: bool,
    /// One that names it.
    any: Option<WindowId>,
    /// One that takes it out of booking: the one that lasts longest.
    out: Option<WindowId>,
}

impl Maintenance {
    /// The windows that are not over, in the order in which they were made.
    pub fn windows(&self) -> impl Iterator<Item = &Window> {
        self.windows.values().filter(|window| !window.is_over(self.checked))
    }

    /// Those that are on, as the last check found.
    pub fn on(&self) -> impl Iterator<Item = &Window> {
        self.on.iter().filter_map(|id| self.windows.get(id))
    }

    /// What people and time have done of late, the oldest first.
    pub fn remarks(&self) -> impl ExactSizeIterator<Item = &Remark> + DoubleEndedIterator {
        self.remarks.iter()
    }

    /// Finds which windows are on now: the wall clock alone says it. What is over is forgotten.
    pub(crate) fn check(&mut self, cx: &mut Cx<'_>) {
        let (now, zone) = (cx.now.wall, &cx.config.zone);
        let on: Vec<WindowId> =
            self.windows.values().filter(|window| window.is_on(now, zone)).map(|window| window.id).collect();
        if on != self.on {
            self.revision += 1;
            let before = core::mem::replace(&mut self.on, on);
            self.note_changes(&before, cx);
        }
        self.checked = now;
        let is_long_over = |window: &&Window| window.is_over(now - KEPT_FOR);
        let over: Vec<WindowId> =
            self.windows.values().filter(is_long_over).map(|window| window.id).collect();
        for id in over {
            self.windows.remove(&id);
            cx.mark_dirty(Key::Maintenance);
        }
        for change in self.windows.values().filter_map(|window| window.next_change(now, zone)) {
            cx.wake_at_wall(change, Timer::Maintenance);
        }
    }

    fn note_changes(&mut self, before: &[WindowId], cx: &mut Cx<'_>) {
        let ended = before.iter().filter(|id| !self.on.contains(id)).filter_map(|id| self.windows.get(id));
        let ended = ended.cloned().map(|window| RemarkKind::WindowEnded { window, by: None });
        let began = self.on.iter().filter(|id| !before.contains(id)).filter_map(|id| self.windows.get(id));
        let began = began.cloned().map(RemarkKind::WindowBegan);
        let all: Vec<RemarkKind> = ended.chain(began).collect();
        all.into_iter().for_each(|what| self.remark(what, cx));
        cx.mark_dirty(Key::Maintenance);
    }

    /// Keeps a remark, and tells operators.
    pub(crate) fn remark(&mut self, what: RemarkKind, cx: &mut Cx<'_>) {
        let at = cx.now.wall;
        cx.note(Note::Remark(what.clone()));
        let remark = Remark { at, what };
        if self.remarks.len() == REMARKS_AT_MOST {
            self.remarks.pop_front();
        }
        self.remarks.push_back(remark.clone());
        cx.write_down(Change::Remark(remark));
    }

    /// Somebody wants a window.
    pub(crate) fn add(&mut self, by: String, order: WindowOrder, cx: &mut Cx<'_>) -> Result<Obeyed, Refused> {
        let now = cx.now.wall;
        let WindowOrder { names, time, reason, booking } = order;
        if names.is_empty() || names.len() > Window::NAMES_AT_MOST {
            let expected = alloc::format!("names: from 1 to {} are possible", Window::NAMES_AT_MOST);
            return Err(Refused::Invalid(expected));
        }
        // Those that are over count, too, as long as they are kept.
        let all_names: usize = self.windows.values().map(|window| window.names.len()).sum();
        if self.windows.len() >= Window::AT_MOST || all_names + names.len() > Window::ALL_NAMES_AT_MOST {
            return Err(Refused::TooManyWindows);
        }
        let (from, until) = match &time {
            WindowTime::Once { from, until } => (*from, Some(*until)),
            WindowTime::Repeated { from, until, .. } => (*from, *until),
        };
        if until.is_some_and(|until| until <= now || until <= from) {
            return Err(Refused::AlreadyOver);
        }
        self.next.0 += 1;
        let window = Window { id: self.next, names, time, reason, by, made: now, booking };
        self.remark(RemarkKind::WindowMade(window.clone()), cx);
        self.windows.insert(window.id, window.clone());
        cx.mark_dirty(Key::Maintenance);
        Ok(Obeyed::WindowAdded(window))
    }

    /// Somebody ends a window.
    pub(crate) fn end(&mut self, by: String, id: WindowId, cx: &mut Cx<'_>) -> Result<Obeyed, Refused> {
        if self.windows.get(&id).is_none_or(|window| window.is_over(cx.now.wall)) {
            return Err(Refused::NoSuchWindow(id));
        }
        let Some(window) = self.windows.remove(&id) else { return Err(Refused::NoSuchWindow(id)) };
        let was_on = self.on.len();
        self.on.retain(|on| *on != id);
        self.revision += u64::from(self.on.len() < was_on);
        cx.mark_dirty(Key::Maintenance);
        let what = RemarkKind::WindowEnded { window: window.clone(), by: Some(by) };
        self.remark(what, cx);
        Ok(Obeyed::WindowEnded(window))
    }

    /// A command was obeyed: whoever gave it is told once that is written down.
    pub(crate) fn obeyed(&mut self, command: CommandId, obeyed: Obeyed) {
        self.obeyed.push((command, obeyed, None));
    }

    /// All that was obeyed is being written down in this save.
    pub(crate) fn being_written(&mut self, call: CallId) {
        self.obeyed.iter_mut().for_each(|(_, _, save)| *save = save.or(Some(call)));
    }

    /// The commands that were obeyed and of which nobody was told: they are forgotten.
    pub(crate) fn take_waiting(&mut self) -> impl Iterator<Item = CommandId> + use<> {
        core::mem::take(&mut self.obeyed).into_iter().map(|(command, ..)| command)
    }

    /// Tells people of the commands that this save wrote down, or tried to: nobody waits for a broken store.
    pub(crate) fn save_answered(&mut self, call: CallId, cx: &mut Cx<'_>) {
        self.answer(|save| save == Some(call), cx);
    }

    /// What this save was to write down waits for another one.
    pub(crate) fn save_refused(&mut self, call: CallId) {
        self.obeyed.iter_mut().for_each(|(_, _, save)| *save = save.filter(|save| *save != call));
    }

    /// Tells people of all commands that were obeyed, since nothing can be written down.
    pub(crate) fn answer_all(&mut self, cx: &mut Cx<'_>) {
        self.answer(|_| true, cx);
    }

    fn answer(&mut self, is_done: impl Fn(Option<CallId>) -> bool, cx: &mut Cx<'_>) {
        let done = self.obeyed.extract_if(.., |(_, _, save)| is_done(*save));
        done.for_each(|(command, obeyed, _)| cx.act(Action::Answer { command, outcome: Ok(obeyed) }));
    }

    /// The windows that are on in this check.
    pub(crate) fn open<'a>(&'a self, now: Wall, zone: &'a Zone) -> OpenWindows<'a> {
        OpenWindows { maintenance: self, now, zone }
    }

    /// What was written down.
    pub(crate) fn restored(record: MaintenanceRecord, remarks: Vec<Remark>) -> Self {
        let windows = record.windows.into_iter().map(|window| (window.id, window)).collect();
        let (next, on) = (record.next, record.on);
        // Other windows may be on now: each cover is found anew.
        Self {
            windows,
            checked: Wall::default(),
            next,
            on,
            revision: 1,
            remarks: remarks.into(),
            obeyed: Vec::new(),
        }
    }

    /// As it is written down.
    pub(crate) fn record(&self) -> MaintenanceRecord {
        MaintenanceRecord {
            windows: self.windows.values().cloned().collect(),
            on: self.on.clone(),
            next: self.next,
        }
    }
}

impl<'a> OpenWindows<'a> {
    /// Finds which windows name an experiment, if that may have changed.
    pub(crate) fn cover(self, experiment: &str, cover: &mut Cover) {
        if cover.is_known && cover.revision == self.maintenance.revision {
            return;
        }
        let naming = || self.maintenance.on().filter(|window| window.names(experiment));
        let outs = naming().filter(|window| window.booking == WindowBooking::Out);
        let last =
            outs.max_by_key(|window| (self.until(window).unwrap_or(Wall::from_millis(u64::MAX)), window.id));
        *cover = Cover {
            revision: self.maintenance.revision,
            is_known: true,
            any: naming().next().map(|window| window.id),
            out: last.map(|window| window.id),
        };
    }

    /// The window that takes what has this cover out of booking.
    pub(crate) fn out(self, cover: Cover) -> Option<&'a Window> {
        cover.out.and_then(|id| self.maintenance.windows.get(&id))
    }

    /// When a window ends that is on.
    pub(crate) fn until(self, window: &Window) -> Option<Wall> {
        window.until(self.now, self.zone)
    }

    /// Whether a system alert is no news.
    pub(crate) fn mutes(self, alert: SystemAlert) -> bool {
        let Some(service) = alert.service() else { return false };
        self.maintenance.on().any(|window| window.names_service(service))
    }
}

impl Cover {
    /// A window that names the experiment, if one does.
    pub(crate) fn window(self) -> Option<WindowId> {
        self.any
    }
}
