-- A lone fact may have what its object keeps to itself, too: it needs no group, and shares the statement of
-- those that wait with it. Nothing else about `internal` changes; the API could write it by append_group.
grant insert (internal) on calmony.event to calmony_api;
