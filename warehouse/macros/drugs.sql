-- The names of drugs as trials write them, cleaned in one way: for looking them up, and for telling whether two trials
-- test the same drug. Salts ('metformin hydrochloride') stay: RxNorm knows them and leads from them to the ingredient.

-- Trade marks and the marks of footnotes; '(r)' stays where a word goes on after it, as in '(R)-ketamine'.
create or replace macro drug_unmarked(text) as
    regexp_replace(replace(lower(text), '&amp;', '&'), '[®™©*†‡"“”]|\((?:r|tm|c)\)($|[^-a-z0-9])', ' \1', 'g');

-- Remarks in brackets: at either end, between blanks, or right after a word of six letters ('xarelto(rivaroxaban)').
-- Brackets within a chemical name belong to it; a pair around all of it does not, nor does one that never closes.
create or replace macro drug_unbracketed_once(text) as
    regexp_replace(text,
        '(^|\s|[a-z]{6})[(\[][^()\[\]]*(?:[(\[][^()\[\]]*[)\]][^()\[\]]*)*[)\]]($|[\s,;./+&])', '\1 \2', 'g');

create or replace macro drug_unbracketed(text) as
    regexp_replace(
        drug_unbracketed_once(drug_unbracketed_once(
            regexp_replace(text, '^\s*[(\[]([^()\[\]]*)[)\]]\s*$', '\1'))),
        '\s[(\[][^)\]]*$', ' ');

-- '20 mg', '1.5-3 mg/kg/day', '0,9 %', '2 x 10^6 cfu', '12 weeks'.
create or replace macro drug_undosed(text) as
    regexp_replace(text, '(^|[^a-z0-9.,-])\d+(?:[.,]\d+)*'
        || '(?:\s*(?:-|–|to|/|x)\s*\d+(?:[.,^]\d+)*)*[\s-]*'
        || '(?:(?:[mµμunk]|mc)?g|[mµμ]?l|mi?u|iu|u|units?|meq|[mµμ]?mol|[mµ]?ci|[mg]bq|'
        || 'c?gy|ppm|[pc]fu|vg|cells?|%|percent|'
        || 'h|hrs?|hours?|days?|weeks?|months?|years?)'
        || '(?:\s*(?:/|per)\s*\d*\s*(?:k?g|m2|m\^2|m²|m[lg]|d?l|d|day|doses?|h|hr|hour|min|minute|'
        || 'week|tablet|capsule|vial))*'
        || '($|[^a-z0-9-])', '\1 \2', 'g');

-- Forms, routes and schedules, as whole words: 'sc' is a route, 'sc-52458' a drug.
create or replace macro drug_unformed(text) as
    regexp_replace(text, '(^|[\s,;:/+&]\s*)(?:(?:'
        || 'tab(?:let)?s?|cap(?:sule|let)?s?|pills?|lozenges?|sachets?|vials?|ampoules?|granules|powders?|'
        || 'pellets?|implants?|'
        || 'inject(?:ions?|able)|infusions?|solutions?|suspensions?|emulsions?|syrup|elixir|(?:eye[ -]?)?drops?|creams?|'
        || 'ointments?|gels?|lotions?|foam|(?:mouth)?sprays?|inhalers?|inhalations?|patch(?:es)?|suppositor(?:y|ies)|enema|'
        || 'pre-?filled|(?:auto-?)?(?:pens?|syringes?|injectors?)|kits?|formulations?|'
        || 'oral(?:ly)?|intravenous(?:ly)?|subcutaneous(?:ly)?|topical(?:ly)?|transdermal|sublingual|buccal|rectal|vaginal|'
        || 'nasal|ophthalmic|parenteral|epidural|inhaled|nebuli[sz]ed|'
        || 'intra[ -]?(?:muscular|dermal|nasal|vitreal|ocular|thecal|peritoneal|arterial|articular|'
        || 'vesical|tumou?ral|venous)(?:ly)?|'
        || 'i\.?v\.?|s\.?c\.?|i\.?m\.?|p\.?o\.?|'
        || '(?:extended|sustained|slow|controlled|modified|immediate|delayed|prolonged)[ -]releas(?:e|ed|ing)|[xes]r|'
        || '(?:enteric|film)[ -]coated|dispersible|chewable|effervescent|'
        || '(?:(?:ultra)?low|high|standard|single|double|multiple|repeated|loading|maintenance|fixed|oral)'
        || '[ -]doses?|doses?|dosage|'
        || '(?:once|twice|thrice|three times)(?:[ -](?:a|per))?(?:[ -](?:day|week|daily|weekly))?|daily|'
        || 'weekly|monthly|bolus|'
        || 'b\.?i\.?d\.?|t\.?i\.?d\.?|q\.?i\.?d\.?|q\.?d\.?|q\.?h\.?s\.?|o\.?d\.?|every day|monotherapy|treatment|'
        || 'study drug|drug|active'
        || ')(?:[\s,;:]+|$))+', '\1 ', 'g');

-- What is left, without blanks and punctuation that lead nowhere.
create or replace macro drug_trimmed(text) as
    trim(regexp_replace(
        regexp_replace(regexp_replace(text, '\s+', ' ', 'g'), ' ([,;:.])', '\1', 'g'),
        '^(?:[\s,;:.+/&-]|(?:the|and|or|with|plus|of) )+|(?:[\s,;:.+/&-]| (?:and|or|with|plus|in|at|for|by|of|the|to))+$', '', 'g'
    ));

create or replace macro drug_words(text) as
    drug_trimmed(drug_unformed(drug_undosed(drug_unbracketed(drug_unmarked(text)))));

-- Null for what is no name of a drug: a placebo; fewer than two letters and no code either, as 'v501' is one; more than
-- 60 characters, which is a sentence.
create or replace macro drug_name_or_null(words) as
    case
        when regexp_matches(words, '[a-z].*[a-z]|[a-z][ -]?\d{3}|[a-z][ -]?\d+,\d{3}') and length(words) <= 60
            and not regexp_matches(words, '\b(?:placebos?|sham|dummy)\b|^(?:n/?a|none|unknown|other)$')
            then words
    end;

-- 'Xarelto® (BAY 59-7939) 20 mg oral tablet' is 'xarelto'.
create or replace macro drug_name(text) as drug_name_or_null(drug_words(text));

-- The name, and where it names several drugs ('A and B', 'A/B', 'A + B', 'A, B') each of them, of three letters at least.
create or replace macro drug_parts(text) as (
    select list_distinct(list_filter(
        list_prepend(
            drug_name_or_null(words),
            list_filter(
                list_transform(
                    string_split_regex(words,
                        '\s*(?:[+&/;]|, | (?:and|or|plus|with|versus|vs\.?|followed by|combined with|in combination with) )\s*'),
                    lambda part: drug_name_or_null(drug_trimmed(part))
                ),
                lambda part: regexp_matches(part, '[a-z]{3}')
            )
        ),
        lambda name: name is not null
    ))
    from (select drug_words(text) as words)
);
