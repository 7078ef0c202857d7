-- Distributes the tables by account, so that all of an account is in one place. Needs Citus 11 or later on
-- every node; run as a superuser on the coordinator, in psql, after 1_row_triggers.sql, on a database without
-- events. Not run by any test: see README.md.
\set ON_ERROR_STOP on
set citus.enable_unsafe_triggers to on; -- for this session
select format('alter database %I set citus.enable_unsafe_triggers to on', current_database()) \gexec

-- Few rows, read everywhere, and a key is found by its hash alone.
select create_reference_table('calmony.account');
select create_reference_table('calmony.api_key');
select create_reference_table('calmony.key_use');
select create_reference_table('calmony.ended_session');

select create_distributed_table('calmony.event', 'account');
select create_distributed_table('calmony.object', 'account', colocate_with := 'calmony.event');
select create_distributed_table('calmony.outbox', 'account', colocate_with := 'calmony.event');
select create_distributed_table('calmony.endpoint', 'account', colocate_with := 'calmony.event');
select create_distributed_table('calmony.endpoint_failing', 'account', colocate_with := 'calmony.event');
select create_distributed_table('calmony.endpoint_secret', 'account', colocate_with := 'calmony.event');
select create_distributed_table('calmony.delivery', 'account', colocate_with := 'calmony.event');
select create_distributed_table('calmony.attempt', 'account', colocate_with := 'calmony.event');
select create_distributed_table('calmony.replay', 'account', colocate_with := 'calmony.event');
select create_distributed_table('calmony.replay_progress', 'account', colocate_with := 'calmony.event');
select create_distributed_table('calmony.idempotency', 'account', colocate_with := 'calmony.event');
select create_distributed_table('calmony.search_document', 'account', colocate_with := 'calmony.event');
select create_distributed_table('calmony.search_progress', 'account', colocate_with := 'calmony.event');
select create_distributed_table('calmony.search_reached', 'account', colocate_with := 'calmony.event');

-- Functions within the bodies of others don't come along by themselves.
select create_distributed_function('calmony.bucket_of(text)');
select create_distributed_function('calmony.subscribes(text[], text)');
select create_distributed_function('calmony.due_of(json)');
select create_distributed_function('calmony.owner_of(text, json)');
select create_distributed_function('calmony.checked_postings(json)');
select create_distributed_function('calmony.balanced(json)');
select create_distributed_function('calmony.hold_objects(bigint, text[], bigint[], boolean[])');
