//! One mail, offered to its recipients and handed over.

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
pub(super) type Fate = Result<(), Problem>;

/// A mail for the recipients whose fate is open.
struct Transaction<'a> {
    session: &'a mut SmtpSession,
    recipients: &'a [Address],
    fates: Vec<Option<Fate>>,
}

/// Offers a mail to its recipients, and hands it over for those that are accepted. Each recipient has its own fate,
/// in the order of the recipients.
pub(super) async fn deliver(
    session: &mut SmtpSession,
    from: &Address,
    recipients: &[Address],
    mail: &[u8],
) -> Vec<Fate> {
    let fates = vec![None; recipients.len()];
    let mut transaction = Transaction { session, recipients, fates };
    let outcome = transaction.run(from, mail).await;
    if outcome.as_ref().is_err_and(|problem| problem.out_of_step) {
        // Nobody can tell which answer was meant for whom.
        transaction.fates.fill(None);
    }
    transaction.fates.into_iter().map(|fate| fate.unwrap_or_else(|| outcome.clone())).collect()
}

impl Transaction<'_> {
    async fn run(&mut self, from: &Address, mail: &[u8]) -> Fate {
        self.fits(mail.len())?;
        let reply = self.session.ask(&format!("MAIL FROM:<{from}>"), "answer MAIL FROM").await?;
        if reply.is_refusal() {
            return Err(self.session.refused(&format!("refused a mail from {from}"), &reply));
        }
        if !reply.is_ok() {
            return Err(self.session.senseless("answer MAIL FROM", &reply));
        }
        self.offer_and_hand_over(mail).await.map_err(Problem::of_these_recipients)
    }

    async fn offer_and_hand_over(&mut self, mail: &[u8]) -> Fate {
        for (at, recipient) in self.recipients.iter().enumerate() {
            self.fates[at] = self.offer(recipient).await?;
        }
        if self.fates.iter().all(Option::is_some) {
            return self.session.in_step("go on").await;
        }
        self.begin_text().await?;
        self.hand_over(&text::for_the_wire(mail)).await
    }

    /// Whether the mail server takes a mail of this length.
    fn fits(&self, length: usize) -> Fate {
        match self.session.offers.longest {
            Some(longest) if length > longest => {
                let what = format!("takes mails of at most {longest} bytes, and this one has {length}");
                Err(Problem::new(MailFailureKind::TooLong, what))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Names a recipient. Its fate is open if it is accepted.
    async fn offer(&mut self, recipient: &Address) -> Result<Option<Fate>, Problem> {
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

    async fn begin_text(&mut self) -> Fate {
        let step = "answer DATA";
        let reply = self.session.ask_within("DATA", step, self.session.patience.data).await?;
        match reply.code / 100 {
            3 => Ok(()),
            4 | 5 => Err(self.refused_text(&reply)),
            _ => Err(self.session.senseless(step, &reply)),
        }
    }

    /// Hands over the text that the mail server waits for. Before the mark of its end nothing is taken; after it,
    /// nobody knows until the mail server says so.
    async fn hand_over(&mut self, wire: &[u8]) -> Fate {
        self.session.in_text = true;
        for block in text::blocks(wire) {
            self.say_text(block).await?;
        }
        self.say_text(text::END).await?;
        let reply = self.session.channel.reply(self.session.patience.taking).await;
        let reply = reply.map_err(|none| self.unknown(&none))?;
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

    async fn say_text(&mut self, bytes: &[u8]) -> Fate {
        self.nothing_early().await?;
        let Err(none) = self.session.channel.say(bytes, self.session.patience.block).await else {
            return Ok(());
        };
        // It may have said why before it closed the connection.
        match self.session.channel.reply(LAST_WORDS).await {
            Ok(reply) if reply.is_refusal() => Err(self.refused_early(&reply)),
            Ok(_) | Err(_) => Err(self.session.no_reply(TAKE, &none)),
        }
    }

    /// An answer before the end of the text is none to it: it has taken nothing.
    async fn nothing_early(&mut self) -> Fate {
        match self.session.channel.early().await {
            Early::Nothing => Ok(()),
            Early::End(connect_error) => Err(self.session.no_reply(TAKE, &NoReply::Lost(connect_error))),
            Early::Something => {
                let time = self.session.patience.data;
                match self.session.channel.reply(time).await {
                    Ok(reply) if reply.is_refusal() => Err(self.refused_early(&reply)),
                    Ok(reply) => Err(self.session.senseless(TAKE, &reply)),
                    Err(none) => Err(self.session.no_reply(TAKE, &none)),
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
    fn unknown(&self, none: &NoReply) -> Problem {
        let problem = self.session.no_reply("say that it has the mail", none);
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
