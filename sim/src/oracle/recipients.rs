//! Whether each recipient is told everything, whatever becomes of the others.

use std::collections::BTreeMap;
use std::time::Duration;

use smol_str::SmolStr;
use status_adapters::store::Model;
use status_core::{Action, Config, Input, Mail, Now, Saved, Time};

use super::check_mail::MailCheck;
use super::memory::Taken;
use super::reference::{Found, Reference};
use crate::scenario::Fault;

/// What each recipient is to be told, and what it was.
#[derive(Debug)]
pub(crate) struct Recipients(BTreeMap<SmolStr, MailCheck>);

impl Recipients {
    pub(crate) fn new(addresses: &[SmolStr], config: &Config) -> Self {
        Self(addresses.iter().map(|address| (address.clone(), MailCheck::new(address, config))).collect())
    }

    fn each(&mut self, mut complaints: impl FnMut(&mut MailCheck) -> Vec<String>) -> Vec<String> {
        let of = |(address, one): (&SmolStr, &mut MailCheck)| {
            let address = address.clone();
            complaints(one).into_iter().map(move |what| format!("{address}: {what}")).collect::<Vec<_>>()
        };
        self.0.iter_mut().flat_map(of).collect()
    }

    pub(crate) fn server_killed(&mut self, now: Time, model: &Model) -> Vec<String> {
        self.each(|one| one.server_killed(now, model))
    }

    /// Whether nobody can say what is to be mailed.
    pub(crate) fn are_blurred(&self) -> bool {
        self.0.values().any(MailCheck::are_blurred)
    }

    pub(crate) fn server_started(&mut self, now: Time, saved: &Saved) {
        self.0.values_mut().for_each(|one| one.server_started(now, saved));
    }

    pub(crate) fn told(&mut self, input: &Input) {
        self.0.values_mut().for_each(|one| one.told(input));
    }

    pub(crate) fn server_is_late(&mut self, now: Time) {
        self.0.values_mut().for_each(|one| one.server_is_late(now));
    }

    pub(crate) fn server_stalled(&mut self, span: Duration) {
        self.0.values_mut().for_each(|one| one.server_stalled(span));
    }

    pub(crate) fn store_is(&mut self, now: Time, fault: Fault) {
        self.0.values_mut().for_each(|one| one.store_is(now, fault));
    }

    /// What the store held is gone, and the server can write it anew.
    pub(crate) fn store_deleted(&mut self, now: Time) {
        self.0.values_mut().for_each(|one| one.store_deleted(now));
    }

    /// What was to be mailed is forgotten with the store.
    pub(crate) fn blur(&mut self) {
        self.0.values_mut().for_each(MailCheck::blur);
    }

    pub(crate) fn mail_is(&mut self, now: Time, fault: Fault) {
        self.0.values_mut().for_each(|one| one.mail_is(now, fault));
    }

    /// The mail server puts these recipients off from now on, and no others.
    pub(crate) fn are_put_off(&mut self, now: Time, addresses: &[String]) {
        for (address, one) in &mut self.0 {
            one.is_put_off(now, addresses.iter().any(|other| other == address));
        }
    }

    /// The mail server refuses these recipients for good from now on, and no others.
    pub(crate) fn are_refused(&mut self, addresses: &[String]) {
        for (address, one) in &mut self.0 {
            one.refused = addresses.iter().any(|other| other == address);
        }
    }

    /// A mail is sent: just so it must be written down, unless the store is broken.
    pub(crate) fn sending(&mut self, now: Time, mail: &Mail, model: &Model) -> Option<String> {
        let wrong = self.0.values_mut().map(|one| one.sending(now, mail, model));
        wrong.fold(None, Option::or)
    }

    /// Several servers share the store.
    pub(crate) fn are_told_by_several(&mut self) {
        self.0.values_mut().for_each(MailCheck::is_told_by_several);
    }

    /// Everything that was sent is written down.
    pub(crate) fn all_is_written(&mut self) {
        self.0.values_mut().for_each(MailCheck::all_is_written);
    }

    /// The server waits for a store that several share, and others may act meanwhile.
    pub(crate) fn wait_for_the_lock(&mut self, now: Time) {
        self.0.values_mut().for_each(|one| one.waits_for_the_lock(now));
    }

    /// The mails that the mail server has for a recipient, as it said.
    pub(crate) fn taken(&self) -> Taken {
        self.0.iter().map(|(address, one)| (address.clone(), one.taken())).collect()
    }

    pub(crate) fn news(&mut self, now: Now, found: &[Found], actions: &[Action], decides: bool) {
        self.0.values_mut().for_each(|one| one.news(now, found, actions, decides));
    }

    pub(crate) fn check(&mut self, now: Time, actions: &[Action], reference: &Reference) -> Vec<String> {
        self.each(|one| one.check(now, actions, reference))
    }

    /// A mail has arrived for its recipients.
    pub(crate) fn arrived(&mut self, now: Time, mail: &Mail) -> Vec<String> {
        let to = |one: &MailCheck| mail.recipients.iter().any(|address| one.is_of(address));
        self.each(|one| if to(one) { one.arrived(now, mail).err().into_iter().collect() } else { Vec::new() })
    }

    pub(crate) fn missing(&mut self, now: Time) -> Vec<String> {
        self.each(|one| one.missing(now))
    }

    /// Whether something is so new that a mail about it may be on its way.
    pub(crate) fn may_be_busy(&self, now: Time) -> bool {
        self.0.values().any(|one| one.may_be_busy(now))
    }
}
