//! One mail transaction: MAIL, RCPT for each recipient, DATA.

use lettre::Address;
use status_core::MailFailureKind;

use super::channel::{Early, NoReply};
use super::refusal::{self, About, Lasts};
use super::reply::Reply;
use super::session::{LAST_WORDS, Problem, SmtpSession};
use super::text;

/// The step between the word to send the text and its end.
const TAKE: &str = "take the whole text";

/// What became of a mail for one recipient.
pub(super) type RecipientOutcome = Result<(), Problem>;

/// A mail, and what became of it so far for each recipient: `None` while that is open.
struct Transaction<'a> {
    session: &'a mut SmtpSession,
    recipients: &'a [Address],
    outcomes: Vec<Option<RecipientOutcome>>,
}

/// Names the recipients, and sends the text for those that are accepted. Returns an outcome for each recipient, in
/// their order.
pub(super) async fn deliver(
    session: &mut SmtpSession,
    from: &Address,
    recipients: &[Address],
    mail: &[u8],
) -> Vec<RecipientOutcome> {
    let outcomes = vec![None; recipients.len()];
    let mut transaction = Transaction { session, recipients, outcomes };
    let of_all = transaction.run(from, mail).await;
    if of_all.as_ref().is_err_and(|problem| problem.out_of_step) {
        // Nobody can tell which answer was meant for whom.
        transaction.outcomes.fill(None);
    }
    transaction.outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(|| of_all.clone())).collect()
}

impl Transaction<'_> {
    async fn run(&mut self, from: &Address, mail: &[u8]) -> Result<(), Problem> {
        self.fits(mail.len())?;
        let reply = self.session.ask(&format!("MAIL FROM:<{from}>"), "answer MAIL FROM").await?;
        if reply.is_refusal() {
            return Err(self.session.refused(&format!("refused a mail from {from}"), &reply));
        }
        if !reply.is_ok() {
            return Err(self.session.senseless("answer MAIL FROM", &reply));
        }
        self.name_recipients_and_send_text(mail).await.map_err(Problem::of_these_recipients)
    }

    async fn name_recipients_and_send_text(&mut self, mail: &[u8]) -> Result<(), Problem> {
        for (at, recipient) in self.recipients.iter().enumerate() {
            self.outcomes[at] = self.rcpt(recipient).await?;
        }
        if self.outcomes.iter().all(Option::is_some) {
            return self.session.in_step("go on").await;
        }
        self.data().await?;
        self.send_text(&text::for_the_wire(mail)).await
    }

    /// Whether the mail server takes a mail of this length.
    fn fits(&self, length: usize) -> Result<(), Problem> {
        match self.session.offers.longest {
            Some(longest) if length > longest => {
                let what = format!("takes mails of at most {longest} bytes, and this one has {length}");
                Err(Problem::new(MailFailureKind::TooLong, what))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Names a recipient. Returns `None` if it is accepted: what becomes of the mail for it is open.
    async fn rcpt(&mut self, recipient: &Address) -> Result<Option<RecipientOutcome>, Problem> {
        let step = format!("answer RCPT TO {recipient}");
        let reply = self.session.ask(&format!("RCPT TO:<{recipient}>"), &step).await?;
        if reply.is_ok() {
            return Ok(None);
        }
        if !reply.is_refusal() {
            return Err(self.session.senseless(&step, &reply));
        }
        let about = About::new(&reply, &self.session.names);
        let lasts = refusal::of_recipient(&reply, about);
        let what = match lasts {
            Lasts::ForGood => format!("refuses {recipient}"),
            Lasts::ForNow | Lasts::TooLong => format!("puts {recipient} off"),
        };
        Ok(Some(Err(Problem::new(kind(lasts), self.session.hinted(&what, &reply, about)))))
    }

    async fn data(&mut self) -> Result<(), Problem> {
        let step = "answer DATA";
        let reply = self.session.ask_within("DATA", step, self.session.patience.data).await?;
        match reply.code / 100 {
            3 => Ok(()),
            4 | 5 => Err(self.refused_text(&reply)),
            _ => Err(self.session.senseless(step, &reply)),
        }
    }

    /// Sends the text that the mail server waits for. Before the mark of its end nothing is taken; after it,
    /// nobody knows until the mail server says so.
    async fn send_text(&mut self, wire: &[u8]) -> Result<(), Problem> {
        self.session.in_text = true;
        for block in text::blocks(wire) {
            self.send_block(block).await?;
        }
        self.send_block(text::END).await?;
        let reply = self.session.channel.reply(self.session.patience.taking).await;
        let reply = reply.map_err(|no_reply| self.unknown(&no_reply))?;
        self.session.in_text = false;
        match reply.code / 100 {
            2 => Ok(()),
            4 | 5 => Err(self.refused_text(&reply)),
            _ => {
                let problem = self.session.senseless("say that it has the mail", &reply);
                Err(Problem { kind: MailFailureKind::Unknown, out_of_step: false, ..problem })
            }
        }
    }

    async fn send_block(&mut self, bytes: &[u8]) -> Result<(), Problem> {
        self.nothing_early().await?;
        let Err(no_reply) = self.session.channel.say(bytes, self.session.patience.block).await else {
            return Ok(());
        };
        // It may have said why before it closed the connection.
        match self.session.channel.reply(LAST_WORDS).await {
            Ok(reply) if reply.is_refusal() => Err(self.refused_early(&reply)),
            Ok(_) | Err(_) => Err(self.session.no_reply(TAKE, &no_reply)),
        }
    }

    /// An answer before the end of the text is none to it: it has taken nothing.
    async fn nothing_early(&mut self) -> Result<(), Problem> {
        match self.session.channel.early().await {
            Early::Nothing => Ok(()),
            Early::End(connect_error) => Err(self.session.no_reply(TAKE, &NoReply::Lost(connect_error))),
            Early::Something => {
                let time = self.session.patience.data;
                match self.session.channel.reply(time).await {
                    Ok(reply) if reply.is_refusal() => Err(self.refused_early(&reply)),
                    Ok(reply) => Err(self.session.senseless(TAKE, &reply)),
                    Err(no_reply) => Err(self.session.no_reply(TAKE, &no_reply)),
                }
            }
        }
    }

    fn refused_text(&self, reply: &Reply) -> Problem {
        let about = About::new(reply, &self.session.names);
        let kind = kind(refusal::of_text(reply, about));
        Problem::new(kind, self.session.hinted("did not take the mail", reply, about))
    }

    /// Only that a mail is too long can be known before it is whole.
    fn refused_early(&self, reply: &Reply) -> Problem {
        let problem = self.refused_text(reply);
        match problem.kind {
            MailFailureKind::TooLong => problem,
            MailFailureKind::Unreachable
            | MailFailureKind::Transient
            | MailFailureKind::Unknown
            | MailFailureKind::Permanent => Problem { kind: MailFailureKind::Transient, ..problem },
        }
    }

    /// It may have the mail, and may be about to say so.
    fn unknown(&self, no_reply: &NoReply) -> Problem {
        let problem = self.session.no_reply("say that it has the mail", no_reply);
        Problem { kind: MailFailureKind::Unknown, ..problem }
    }
}

fn kind(lasts: Lasts) -> MailFailureKind {
    match lasts {
        Lasts::ForNow => MailFailureKind::Transient,
        Lasts::ForGood => MailFailureKind::Permanent,
        Lasts::TooLong => MailFailureKind::TooLong,
    }
}
