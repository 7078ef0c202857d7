-- Announces a worker: lock 1000 of class 1129270605, shared, until the session ends.
select pg_advisory_lock_shared(1129270605, 1000)
