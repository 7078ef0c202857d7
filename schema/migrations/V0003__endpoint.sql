-- What the worker needs of webhook endpoints. An endpoint is an object like any other (we_…); this row is derived
-- from its events, so that the fan-out is a join and no JSON is read.
create table calmony.endpoint (
    account        bigint not null,
    version        bigint not null,
    id             calmony.object_id not null,
    status         text not null,
    url            text not null,
    enabled_events text[] not null,
    constraint endpoint_ids_are_unique primary key (account, id),
    constraint endpoint_status_is_known check (status in ('enabled', 'disabled', 'deleted'))
);

-- Signing secrets. They are not in the object's snapshot, because the log is read by people and sent to receivers.
create table calmony.endpoint_secret (
    account    bigint not null,
    version    bigint not null, -- of the endpoint's event that brought it
    created_at timestamptz not null,
    endpoint   calmony.object_id not null,
    secret     text not null,
    constraint endpoint_secret_comes_with_one_event primary key (account, endpoint, version),
    constraint endpoint_secret_is_whsec check (secret like 'whsec\_%')
);

create function calmony.endpoint_secret_needs_its_event() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if not exists (select from calmony.event e
                    where e.account = new.account and e.stream = new.endpoint and e.version = new.version
                      and e.xmin = pg_current_xact_id()::xid) then
        raise exception 'a signing secret comes in the transaction of its event'
            using errcode = 'integrity_constraint_violation', constraint = 'endpoint_secret_needs_its_event';
    end if;
    return null;
end $$;

create trigger endpoint_secret_needs_its_event after insert on calmony.endpoint_secret
    for each row execute function calmony.endpoint_secret_needs_its_event();
alter table calmony.endpoint_secret enable always trigger endpoint_secret_needs_its_event;

-- '*' is every type but those that tell of the endpoints themselves: these have to be named.
create function calmony.subscribes(enabled_events text[], type text) returns boolean
language sql immutable parallel safe
as $$ select type = any (enabled_events)
          or ('*' = any (enabled_events) and not starts_with(type, 'webhook_endpoint.')) $$;

grant select on calmony.endpoint to calmony_reader, calmony_worker;
grant select on calmony.endpoint_secret to calmony_worker;
grant insert on calmony.endpoint_secret to calmony_api;
