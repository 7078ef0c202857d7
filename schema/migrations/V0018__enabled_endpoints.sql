-- The endpoints that an event goes to. Whoever deletes endpoints and makes new ones leaves many behind, and each
-- read of an event went through all of them.
create index endpoint_enabled on calmony.endpoint (account, id) where status = 'enabled';
