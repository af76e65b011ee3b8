-- What happened, where a headline says it for certain. All read words in the form of headline_words.

-- A headline that asks, expects, advises or sues, rather than reports.
create or replace macro headline_speculates(words) as
    regexp_matches(regexp_replace(words, '\b(as|than) (expected|anticipated)\b|\bif approved\b', '', 'g'),
        '^(will|can|could|is|are|does|did|should|has|what|when|how|why|whether|where|if|which|who)\b'
            || '|\b(could|may|might|would|whether|if|expect\w*|anticipat\w*|await\w*|likely|hopes?|hoping|aims? to|seek(s|ing)?'
            || '|ahead of|looms?|looming|preview\w*|what to|on track|plan(s|ned) to|set to|poised|slated|upcoming|to be presented'
            || '|to (present|host|report|announce|discuss|participate|webcast|showcase|unveil|submit|file|seek)|will (present|report|host|announce)'
            || '|conference call|financial results|quarter|analysts?|price targets?|upgrad\w*|downgrad\w*|buy rating|outperform rating'
            || '|class action|law ?suit|law firm|law offices|shareholders?|stockholders?|investors?|litigation|investigat(es|ing|ion)'
            || '|reiterat\w*|believes?|opinion|rumou?rs?|reportedly|predict\w*|forecast\w*|bets?|chances?|odds|potential to'
            || '|pre ?clinical|non ?clinical|mice|mouse|animals?|primates?|in vitro)\b');

-- The primary endpoint, as headlines name it; 'key' and 'secondary' endpoints are others.
create or replace macro endpoint_pattern() as
    '(((all|both|its|their|the|a|an|study|studies|trial|trials|s|phase|[123]|i{1,3}|pivotal|of|on|two|three|multiple) )*'
        || '((primary|main|co|coprimary)( (and|key|all|secondary|primary|clinical|efficacy|composite|study|trial|survival))* )'
        || '(end ?points?|objectives?|goals?|outcomes?|aims?|measures?)'
        || '|((all|both|its|their|the|study|trial|s|of|in) )*(end ?points?|(main|key|late stage|mid stage) (study|trial)( s)? goals?|(study|trial) goals?))\b';

create or replace macro tells_endpoint_met(words) as
    regexp_matches(words,
        '\b(meets?|met|meeting|achiev(es?|ed|ing)|hits?|reach(es|ed)|attain(s|ed)|satisf(ies|ied)) (successfully )?' || endpoint_pattern()
            || '|\b(primary|main) (efficacy |composite |clinical )?(end ?points?|goals?|objectives?|outcomes?)( of \w+( \w+)?)?'
            || '( (was|were|is|has been|have been))?( successfully)? (met|achieved|reached|hit)\b')
    -- Another word of failure may be about the same endpoint, or about one of several trials or endpoints.
    and not regexp_matches(words,
        '\b(not|n t|didn t|doesn t|fail(s|ed|ing)?|miss(es|ed|ing)?|without|neither|unable|short of|despite|mixed|partial(ly)?|one of|halt(s|ed)?'
            || '|some|safety( and tolerability)? end ?points?|safety (objective|goal|outcome)s?|end ?points? (of|for) safety'
            || '|feasibility|pharmacokinetic\w*|pk|enrol\w*|recruit\w*|post hoc)\b');

create or replace macro tells_endpoint_missed(words) as
    regexp_matches(words,
        '\b(fail(s|ed|ing|ure)? to (meet|achieve|hit|reach|attain|satisfy)|miss(es|ed|ing)?( out on)?|falls? short of|fell short of'
            || '|(did|does|do) (not|n t) (meet|achieve|hit|reach|attain)|(didn|doesn|don) t (meet|achieve|hit|reach|attain)'
            || '|not (met|meet|achieved|achieve|reached|reach|meeting|achieving)|unable to meet|without meeting) ' || endpoint_pattern()
            || '|\b(primary|main) (efficacy |composite |clinical )?(end ?points?|goals?|objectives?|outcomes?)( of \w+( \w+)?)?'
            || '( (was|were|is|has been|have been))? (not|narrowly not) (met|achieved|reached|hit)\b'
            || '|\b(primary|main) (end ?points?|goals?|objectives?) (was |were )?(missed|unmet)\b'
            || '|\b(not|didn t|doesn t|fail(s|ed) to) (reach|achieve|show|attain|meet|reaching) (statistical|statistically) significan(ce|t) (on|for|in|at)'
            || ' (its |the |their |both )?(primary|main) (efficacy )?(end ?points?|goals?|objectives?|outcomes?)\b'
            || '|\bfail(s|ed) (on|in) (its|the|both|all) (primary|main) (end ?points?|goals?)\b'
            || '|\bfails (in |at )?(its |a |an |the |another |second |key |big |crucial |two |three |both )*'
            || '(phase ([123]|i{1,3})[ab]?|late stage|mid ?stage|pivotal)( \w+){0,4} (trials?|study|studies|tests?)\b'
            || '|\b(trials?|study|studies) (of|for|in|with)( \w+){1,5} fails\b$'
            || '|\bfail(s|ed) to (beat|outperform|best|top) (placebo|standard|chemo\w*|comparator|control)\b'
            || '|\b(no better than|not superior to|no benefit over|no more effective than) (a )?placebo\b'
            || '|\bfail(s|ed) to (show|demonstrate|prove|establish) (statistical )?(superiority|efficacy|effectiveness|non ?inferiority)\b')
    and not regexp_matches(words,
        '\b(one of|mixed|some|enrol\w*|recruit\w*|who (have |had |has )?failed|(safety|secondary) end ?points? (was|were)'
            || '|safety( and tolerability)? end ?points?|pharmacokinetic\w*|post hoc)\b');

-- Stopped for a cause that speaks against the treatment; a pause, a hold and a stop for other reasons are not.
create or replace macro tells_halt(words) as
    regexp_matches(words,
        '\b(halt(s|ed|ing)?|stop(s|ped|ping)?|discontinu(es?|ed|ing|ation)|terminat(es?|ed|ing|ion)|ends?|ended|ending|abandon(s|ed|ing)?'
            || '|scrap(s|ped|ping)?|drop(s|ped|ping)?|ax(es|ed)|ceas(es?|ed|ing)|cancel(s|ed|led)?)\b')
    and regexp_matches(words, '\b(trials?|study|studies|phase|futil\w*)\b')
    and regexp_matches(words,
        '\b(for|due to|on|because of|over|after|following|as|amid|citing|based on|owing to|at|in|by|deemed|declared) (\w+ ){0,6}'
            || '(futil\w*|lack of (efficacy|effect|benefit|response)|(no|insufficient|limited|lacking|poor) (efficacy|benefit|effect)|inefficacy|inefficac\w*'
            || '|safety (concerns?|issues?|signals?|findings?|risks?|events?|reasons|worries)|toxicit(y|ies)|(patient )?deaths?|liver (injury|damage|toxicity)'
            || '|serious (adverse|side)|adverse (events?|reactions?)|side effects|unlikely to (meet|succeed|achieve|show)|(poor|slow|low) (enrol\w*|accrual|recruit\w*))\b')
    and not regexp_matches(words,
        '\b(not|no longer|never|without|pass(es|ed)?|continu(e|es|ed|ing)|resum\w*|proceed\w*|clear(s|ed)?|lift(s|ed)|arms?|cohorts?|dose groups?'
            || '|overwhelming|early (for|on|due to) (positive |strong |superior |clear )?(efficacy|benefit|success)|positive|fda (ends|drops|stops)'
            || '|temporar\w*|paus\w*|hold|agreements?|licen[sc]\w*|collaborations?|partnerships?|contracts?|deal|merger|offering|sales|ceo)\b');

create or replace macro regulator_pattern() as
    '(fda|food and drug administration|european commission|ec|mhra|health canada|nmpa|pmda|mhlw|swissmedic|tga)';

create or replace macro tells_approval(words) as
    regexp_matches(words,
        '\b' || regulator_pattern() || ' (approves|has approved|(has )?(granted|grants)( (u s|full|regular|accelerated|traditional|marketing|final|first|conditional))* (approval|marketing authori[sz]ation))\b'
            || '|\b(receives?|received|wins?|won|gains?|gained|secures?|secured|nabs?|scores?|lands?|obtains?|obtained|gets?|got|earns?|announc(es?|ed))'
            || '( (u s|us|the|full|accelerated|first|final|regular|traditional|landmark|expanded))* ' || regulator_pattern() || '( fda)?( s)?( (full|accelerated|final|regular|traditional|marketing))* (approval|marketing authori[sz]ation)( (of|for|as|in|to treat)\b|$)'
            || '|\b(is|was|now|been|becomes|gets|is now|has been) approved (in the (u s|us|eu|united states|european union|uk)|by the( u s| us)? ' || regulator_pattern() || ')\b'
            || '|\bapproved (in the (u s|us|eu|united states|european union)|by( the)?( u s| us)? ' || regulator_pattern() || ') (for|as|to treat)\b')
    and not regexp_matches(words,
        '\b(not|no|without|withdraw\w*|revok\w*|rescind\w*|delay\w*|ind|investigational|ide|cta|protocol|clinical trial application|expanded access|label|labels'
            || '|labeling|labelling|clearance|510 k|device|devices|system|generic|generics|biosimilars?|tentative\w*|recommend\w*|panel|advis\w*|adcomm?|chmp'
            || '|votes?|priority review|accept(s|ed|ance)|filing|presentation|manufactur\w*|facility|form|formulation|version|dosing|auto ?injector|prefilled|call|milestone'
            || '|design|import|export|patent|test|assay|diagnostic\w*|screening|emergency use|approval (to|of) (begin|start|initiate|conduct|proceed|phase|trial|study|clinical)'
            || '|approves (phase|trial|study|clinical|start|first in human)|(months?|years?|weeks?) after|anniversary|since|previously|following (fda|approval)|for approval|refus\w*|reject\w*|declin\w*)\b');

-- A refusal to approve; refusals to file, and letters that name manufacturing or labels alone, tell nothing of a trial.
create or replace macro tells_refusal(words) as
    regexp_matches(words,
        '\b(receives?|received|receipt of|gets|got|issu(es|ed|ing)|sends|sent|hands|handed|draws|hit with|slapped with|announces|announced|in|with)'
            || '( (u s|us|the|a|an|fda|food and drug administration|second|another|surprise|of))* (complete response letter|complete response|crl)\b'
            || '|\b' || regulator_pattern() || '( (again|has))? (declines|declined|refuses|refused|denies|denied) (to approve|approval|to grant approval)\b'
            || '|\b' || regulator_pattern() || ' (rejects|rejected|spurns|snubs|turns down)\b')
    and not regexp_matches(words,
        '\b(respon(se|ses|ds|ded|ding) to( the)?( u s)? (fda|crl|complete)|resubmi\w*|address\w*|resolv\w*|after (the )?(fda )?(crl|complete)|following|since|meeting|type a'
            || '|manufactur\w*|facility|facilities|inspection\w*|third party|cmc|chemistry|supply|label\w*|form|formulation|version|refus(e|es|ed|al) to file|refuse to|petition|appeals?|request|claims?'
            || '|ind|design|complete response (rate|rates|in)|complete responses|tumou?r|remission|patients?|lifts?|overturn\w*|approves)\b');

-- Words about any of these events, certain or not.
create or replace macro touches_event(words) as
    regexp_matches(words,
        '\b(end ?points?|(primary|main) (goals?|objectives?|outcomes?)|miss(es|ed)|fail(s|ed)|halt\w*|stop(s|ped)|discontinu\w*|terminat\w*|futil\w*|clinical hold'
            || '|paus(es|ed)|suspend\w*|scrap(s|ped)|approv\w*|marketing authori[sz]ation|complete response letter|crl|refus\w*|reject\w*|declin(es|ed)|no better than)\b');

-- 'endpoint_met', 'endpoint_missed', 'halted', 'approved', 'refused', or 'other' where the words are about none of these; null
-- where they may be, or speak both for and against. A stop after a missed endpoint is the miss.
create or replace macro headline_event(words) as
    case
        when not touches_event(words) and not tells_halt(words) then 'other'
        when headline_speculates(words) then null
        when (tells_endpoint_met(words) or tells_approval(words))
            and (tells_endpoint_missed(words) or tells_halt(words) or tells_refusal(words)) then null
        when tells_endpoint_met(words) then 'endpoint_met'
        when tells_endpoint_missed(words) then 'endpoint_missed'
        when tells_approval(words) then 'approved'
        when tells_refusal(words) then 'refused'
        when tells_halt(words) then 'halted'
    end;
