-- The number of an account's replays that run. $1 account. Index: replay_running.
select count(*) as count
  from calmony.replay
 where account = $1 and status = 'running'
