-- Payments: ch_…, re_… and seti_…. The check takes more than before, so that nothing that is stored has to
-- be looked at.
alter domain calmony.object_id drop constraint object_id_is_a_known_prefix_and_a_ulid;
alter domain calmony.object_id add constraint object_id_is_a_known_prefix_and_a_ulid
    check (value ~ '^(cus|pm|pi|sub|inv|cs|we|rpl|prod|ch|re|seti)_[0-7][0-9A-HJKMNP-TV-Z]{25}$') not valid;

-- When time changes an object, as before; and refuses postings that don't sum to zero. It isn't called for
-- an object that keeps nothing to itself, so that most appends pay nothing for it.
create or replace function calmony.due_of(internal json) returns timestamptz
language plpgsql immutable strict parallel safe
as $$
begin
    if internal -> 'postings' is not null
       and (select coalesce(sum(value::bigint), 0) <> 0
              from json_each_text(internal -> 'postings' -> 'amounts'))
    then
        raise exception 'the postings of an event sum to zero'
            using errcode = 'integrity_constraint_violation', constraint = 'postings_sum_to_zero';
    end if;
    return to_timestamp((internal ->> 'due')::bigint);
end $$;

-- A notice of a processor is about the accounts of its own mode, and about no others.
grant select (id, livemode) on calmony.account to calmony_api;
