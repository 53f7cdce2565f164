//! What people tell the server to do: it is done at once, or refused and nothing is changed.

use alloc::string::String;

use super::Parts;
use crate::context::Cx;
use crate::lab::Experiment;
use crate::protocol::{
    Acknowledgement, AcknowledgementEnd, Command, ExperimentName, Obeyed, Refused, RemarkKind,
};

impl Parts {
    /// Does what a person says.
    pub(super) fn obey(&mut self, by: String, command: Command, cx: &mut Cx<'_>) -> Result<Obeyed, Refused> {
        match command {
            Command::AddWindow(order) => self.maintenance.add(by, order, cx),
            Command::EndWindow(id) => self.maintenance.end(by, id, cx),
            Command::Acknowledge { experiment, note, until } => {
                let acknowledgement = Acknowledgement { by, note, at: cx.now.wall, until };
                self.acknowledge(experiment, acknowledgement, cx)
            }
            Command::Withdraw { experiment } => self.withdraw(experiment, by, cx),
        }
    }

    fn acknowledge(
        &mut self,
        experiment: ExperimentName,
        acknowledgement: Acknowledgement,
        cx: &mut Cx<'_>,
    ) -> Result<Obeyed, Refused> {
        let known = self.experiment(&experiment)?;
        if !known.is_known_unhealthy() {
            return Err(Refused::NoProblem(experiment));
        }
        if acknowledgement.until.is_some_and(|until| until <= cx.now.wall) {
            return Err(Refused::AlreadyOver);
        }
        known.attention.acknowledge(acknowledgement.clone());
        known.written.at = None;
        self.mark_changed(&experiment, cx);
        let obeyed = Obeyed::Acknowledged(acknowledgement.clone());
        self.maintenance.remark(RemarkKind::Acknowledged { experiment, acknowledgement }, cx);
        Ok(obeyed)
    }

    fn withdraw(
        &mut self,
        experiment: ExperimentName,
        by: String,
        cx: &mut Cx<'_>,
    ) -> Result<Obeyed, Refused> {
        let known = self.experiment(&experiment)?;
        let Some(before) = known.attention.acknowledgement().cloned() else {
            return Err(Refused::NotAcknowledged(experiment));
        };
        let ended = known.attention.end_acknowledgement(AcknowledgementEnd::Withdrawn { by });
        known.written.at = None;
        self.mark_changed(&experiment, cx);
        if let Some(ended) = ended {
            self.maintenance.remark(ended.of(&experiment), cx);
        }
        Ok(Obeyed::Withdrawn(before))
    }

    /// Saves what a person was told is done, even while no verdicts are made.
    fn mark_changed(&mut self, name: &ExperimentName, cx: &Cx<'_>) {
        if let Some(known) = self.lab.experiments.get_mut(name) {
            self.store.mark_if_unsaved(name, known, cx.now.time);
        }
    }

    fn experiment(&mut self, name: &ExperimentName) -> Result<&mut Experiment, Refused> {
        self.lab.experiments.get_mut(name).ok_or_else(|| Refused::NoSuchExperiment(name.clone()))
    }
}
