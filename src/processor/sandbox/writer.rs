//! The one writer of a process: takes the waiting jobs, decides in one transaction, commits once, and
//! then answers.

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::cards::Fault;
use super::decide;
use super::methods::Kept;
use super::operation::{Decision, Names, Refusal};
use super::random::random;
use super::turn::Turn;
use crate::clock;
use crate::database::{DatabaseError, Pool};
use crate::processor::{Operation, Request};

/// The requests that wait to be decided.
const QUEUE_MAX: usize = 1_024;
/// The most of them that one commit takes.
const BATCH_MAX: usize = 64;

/// A thing to decide.
#[derive(Debug)]
pub(super) enum Job {
    Perform(Request),
    /// The answer to a challenge: its token, and true if it was passed.
    Answer(String, bool),
    /// A new method.
    Keep(Box<Kept>),
    /// Operations whose time has come.
    Finish,
}

/// A decision that is committed.
#[derive(Debug, Clone)]
pub(super) struct Done {
    /// `None` if the request was lost, or there is no such challenge.
    pub(super) operation: Option<Operation>,
    pub(super) fault: Option<Fault>,
}

/// The reason that nothing was decided, or that nobody knows.
#[derive(Debug, Clone)]
pub(super) enum Failure {
    Refused(Refusal),
    /// The outcome is unknown and has to be asked for. The reason is for logs.
    Unavailable(String),
}

type Answer = Result<Done, Failure>;

/// A thing that waits to be decided.
struct Waiting {
    job: Job,
    answer: oneshot::Sender<Answer>,
}

/// The way to the writer.
#[derive(Clone)]
pub(super) struct Writer {
    queue: mpsc::Sender<Waiting>,
    /// Changes with each commit that time, or a notice, has to follow.
    pub(super) follows: watch::Receiver<()>,
}

impl Writer {
    /// Starts the writer, which ends only with the process.
    pub(super) fn start(pool: Pool, url: String, tells: bool) -> (Self, JoinHandle<()>) {
        let (queue, waiting) = mpsc::channel(QUEUE_MAX);
        let (followed, follows) = watch::channel(());
        let work = Work { pool, url, tells, followed };
        (Self { queue, follows }, tokio::spawn(work.run(waiting)))
    }

    /// Has a job decided. It is also done if nobody waits for the answer any more.
    pub(super) async fn decide(&self, job: Job) -> Answer {
        let gone = || Failure::Unavailable("the writer has stopped".to_owned());
        let (answer, answered) = oneshot::channel();
        self.queue.send(Waiting { job, answer }).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

struct Work {
    pool: Pool,
    url: String,
    tells: bool,
    followed: watch::Sender<()>,
}

impl Work {
    async fn run(self, mut waiting: mpsc::Receiver<Waiting>) {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        while waiting.recv_many(&mut batch, BATCH_MAX).await > 0 {
            let all: Vec<Waiting> = std::mem::take(&mut batch);
            match self.together(&all).await {
                Ok(answers) => tell(all, answers),
                // One of them is at fault, and the others needn't know.
                Err(DatabaseError::Refused(_) | DatabaseError::Duplicate { .. }) if all.len() > 1 => {
                    for waiting in all {
                        let answers = self.together(std::slice::from_ref(&waiting)).await;
                        let answers = answers.unwrap_or_else(|error| vec![Err(failure(&error))]);
                        tell(vec![waiting], answers);
                    }
                }
                Err(error) => {
                    let failed = Err(failure(&error));
                    let answers = vec![failed; all.len()];
                    tell(all, answers);
                }
            }
        }
    }

    /// Decides on all in one transaction. Without a commit there is no answer.
    async fn together(&self, all: &[Waiting]) -> Result<Vec<Answer>, DatabaseError> {
        let mut client = self.pool.get().await?;
        let mut turn = Turn::take(&mut client, &self.url, self.tells).await?;
        let requests = all.iter().filter_map(|waiting| match &waiting.job {
            Job::Perform(request) => Some(request),
            Job::Answer(..) | Job::Keep(_) | Job::Finish => None,
        });
        turn.read(&requests.collect::<Vec<_>>()).await?;
        let (mut answers, mut follows) = (Vec::with_capacity(all.len()), false);
        for waiting in all {
            let (answer, has_followers) = self.one(&mut turn, &waiting.job).await?;
            answers.push(answer);
            follows |= has_followers;
        }
        turn.commit().await?;
        if follows {
            self.followed.send_replace(());
        }
        Ok(answers)
    }

    /// Decides on one thing and writes it. True if time, or a notice, has to follow.
    async fn one(&self, turn: &mut Turn<'_>, job: &Job) -> Result<(Answer, bool), DatabaseError> {
        let decided = match job {
            Job::Perform(request) => {
                let seen = turn.seen(request).await?;
                decide::perform(request, &seen, names(), clock::now())
            }
            Job::Answer(token, has_passed) => match turn.challenged(token).await? {
                Some(waiting) => match turn.method_of(&waiting).await? {
                    Some(method) => Ok(decide::challenged(&waiting, method.card, *has_passed)),
                    None => Err(Refusal::NoSuchMethod),
                },
                None => Ok(Decision::nothing(None, None)),
            },
            Job::Keep(kept) => {
                turn.keep(kept).await?;
                Ok(Decision::nothing(None, None))
            }
            Job::Finish => {
                self.finish(turn).await?;
                return Ok((Ok(Done { operation: None, fault: None }), true));
            }
        };
        match decided {
            Ok(decision) => {
                turn.write(&decision).await?;
                let operation = decision.answer.as_ref().map(|stored| stored.operation(&self.url));
                let follows = !decision.notices.is_empty() || decision.fault.is_some();
                Ok((Ok(Done { operation, fault: decision.fault }), follows))
            }
            Err(refusal) => Ok((Err(Failure::Refused(refusal)), false)),
        }
    }

    /// Does the operations that were put off.
    async fn finish(&self, turn: &mut Turn<'_>) -> Result<(), DatabaseError> {
        for pending in turn.due().await? {
            let Some(request) = &pending.request else { continue };
            let seen = turn.seen(request).await?;
            turn.write(&decide::finish(&pending, request, &seen, clock::now())).await?;
        }
        Ok(())
    }
}

/// Answers the callers that still wait.
fn tell(all: Vec<Waiting>, answers: Vec<Answer>) {
    for (waiting, answer) in all.into_iter().zip(answers) {
        let _ = waiting.answer.send(answer);
    }
}

fn failure(error: &DatabaseError) -> Failure {
    tracing::warn!(%error, "nothing can be decided");
    Failure::Unavailable(error.to_string())
}

fn names() -> Names {
    Names { reference: random("ref_"), challenge: random("") }
}
