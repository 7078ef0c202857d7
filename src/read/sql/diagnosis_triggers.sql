-- Triggers that derive a change from its event or keep history as it is, and are missing; and any other
-- trigger that doesn't fire always.
with needed (tab, trigger) as (
    values ('event', 'derive_from_event'), ('event', 'derive_endpoint'), ('event', 'derive_replay'),
           ('event', 'event_is_append_only'),
           ('endpoint_secret', 'endpoint_secret_needs_its_event')
), there as (
    select c.relname as tab, t.tgname as trigger, t.tgenabled = 'A' as is_always
      from pg_trigger t join pg_class c on c.oid = t.tgrelid
     where c.relnamespace = 'calmony'::regnamespace and not t.tgisinternal
)
select format('%s on calmony.%s', trigger, tab) as trigger
  from (select tab, trigger from needed
        except
        select tab, trigger from there where is_always
        union
        select tab, trigger from there where not is_always) off
 order by 1
