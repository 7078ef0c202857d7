-- True if any replay runs: the only question of an idle worker. Index: replay_running.
select exists (select from calmony.replay where status = 'running') as runs
