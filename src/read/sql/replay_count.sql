-- How many replays of an account run. $1 account. Index: replay_running.
select count(*)
  from calmony.replay
 where account = $1 and status = 'running'
