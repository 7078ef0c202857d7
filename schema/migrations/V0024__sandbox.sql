-- The sandbox processor: a program of its own, with tables of its own that nobody else may touch. So neither
-- a crash nor a rollback of ours changes its journal.
revoke all on schema sandbox from public;
grant usage on schema sandbox to calmony_sandbox;

-- The methods: what is kept of a card, which is never its number.
create table sandbox.method (
    token text collate "C" primary key,
    card text not null,                -- the name of the test card, which says what it does
    exp_month smallint not null,
    exp_year smallint not null,
    cvc_check text,
    fingerprint text not null,
    set_up boolean not null default false, -- true once its holder has passed a challenge
    created_at timestamptz not null default clock_timestamp(),
    constraint method_has_no_number check (card !~ '[0-9]{5}' and fingerprint ~ '^[0-9a-f]{16}$')
);

-- The operations, by their keys, as they are now. A key that was voided before it was seen has no request.
create table sandbox.operation (
    key text collate "C" primary key,
    kind text,
    request json,
    method text collate "C",
    reference text collate "C",
    outcome text not null,
    amount bigint,
    decline json,
    challenge text collate "C" unique,
    due timestamptz,                   -- the time at which a pending operation is done
    created_at timestamptz not null default clock_timestamp(),
    constraint operation_is_of_a_known_kind
        check (kind in ('authorize', 'capture', 'void', 'refund', 'attach')),
    constraint operation_without_a_request_never_happens
        check ((kind is null) = (request is null) and (kind is not null or outcome = 'never')),
    constraint operation_has_what_its_outcome_needs
        check (case outcome
                 when 'approved' then amount >= 0
                 when 'declined' then decline is not null
                 when 'action_required' then challenge is not null
                 when 'pending' then due is not null
                 else outcome = 'never'
               end)
);
create index operation_reference on sandbox.operation (reference) where kind = 'authorize';
create index operation_pending on sandbox.operation (due) where outcome = 'pending';

-- The number of the journal's last row. Whoever adds to the journal holds this row until the end of the
-- transaction, so that rows become visible in the order of their numbers, and without a hole.
create table sandbox.counter (
    one boolean primary key default true check (one),
    seq bigint not null
);
insert into sandbox.counter (seq) values (0);

-- What happened to money, oldest first. Rows are added, and nothing else is ever done to them.
create table sandbox.journal (
    seq bigint primary key,
    key text collate "C" not null,
    kind text not null,
    outcome text not null,
    amount bigint not null,
    currency text,                     -- null for a key that was voided before it was seen
    at timestamptz not null,
    reference text collate "C",
    constraint journal_kind_is_known check (kind in ('authorize', 'capture', 'void', 'refund')),
    constraint journal_outcome_is_known
        check (outcome in ('approved', 'declined', 'action_required', 'never')),
    constraint journal_amount_is_not_negative check (amount >= 0)
);
create index journal_key on sandbox.journal (key, seq);
create index journal_reference on sandbox.journal (reference, seq) where reference is not null;

create function sandbox.number_journal() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    update sandbox.counter set seq = seq + 1 returning seq into strict new.seq;
    new.at := clock_timestamp();
    return new;
end $$;
create trigger journal_is_numbered before insert on sandbox.journal
    for each row execute function sandbox.number_journal();

create function sandbox.refuse_change() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception 'the journal is only added to'
        using errcode = 'integrity_constraint_violation', constraint = 'journal_is_append_only';
end $$;
create trigger journal_is_append_only before update or delete or truncate on sandbox.journal
    for each statement execute function sandbox.refuse_change();
-- Also in sessions that replay.
alter table sandbox.journal enable always trigger journal_is_numbered;
alter table sandbox.journal enable always trigger journal_is_append_only;

-- Lets one transaction after the other decide and write.
create function sandbox.take_turn() returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform seq from sandbox.counter for update;
end $$;

-- The notices that are to be sent, and those that were: 0 copies are left of them.
create table sandbox.notice (
    id text collate "C" primary key,
    operation json not null,
    copies smallint not null,
    tries integer not null default 0,
    due timestamptz not null default clock_timestamp(),
    created_at timestamptz not null default clock_timestamp()
);
create index notice_due on sandbox.notice (due) where copies > 0;

-- The key of fingerprints, made at the first start.
create table sandbox.secret (
    one boolean primary key default true check (one),
    bytes bytea not null
);

revoke all on function sandbox.number_journal(), sandbox.refuse_change(), sandbox.take_turn() from public;
grant execute on function sandbox.take_turn() to calmony_sandbox;
grant select, insert (key, kind, outcome, amount, currency, reference) on sandbox.journal to calmony_sandbox;
grant select, insert (token, card, exp_month, exp_year, cvc_check, fingerprint), update (set_up)
    on sandbox.method to calmony_sandbox;
grant select, insert (key, kind, request, method, reference, outcome, amount, decline, challenge, due),
      update (outcome, amount, decline, due)
    on sandbox.operation to calmony_sandbox;
grant select, insert (id, operation, copies, due), update (copies, tries, due)
    on sandbox.notice to calmony_sandbox;
grant select, insert (bytes) on sandbox.secret to calmony_sandbox;
